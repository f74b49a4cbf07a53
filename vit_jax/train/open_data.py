"""The images of a run: its sources, and what gives them the model's size."""

import dataclasses
from typing import Any, Literal

from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.data.decode import describe_decoder
from vit_jax.data.memory import hold
from vit_jax.data.order import Shard
from vit_jax.data.pipeline import Batch, Batches, train_batches
from vit_jax.data.simple_crop import SimpleCrop
from vit_jax.data.sources import ImageSource
from vit_jax.data.sources.find import Source, find_source
from vit_jax.data.transforms import AsIs, EvalCrop, TrainCrop, Transform
from vit_jax.pixels import Pixels
from vit_jax.train.config import DataConfig, TrainConfig


@dataclasses.dataclass(frozen=True)
class Images:
    """A source, and what makes its images those of the model."""

    source: ImageSource
    transform: Transform

    @property
    def decoder(self) -> str:
        """What decodes image files; empty where there are none."""
        if not isinstance(self.source[0]["image"], bytes):
            return ""
        return describe_decoder(getattr(self.transform, "decoder", "pil"))


def find_data(data: DataConfig) -> Source:
    """Returns the source that a config names, before it is known which split."""
    return find_source(data.source, data_dir=data.data_dir.expanduser())


def open_images(
    data: DataConfig, model: ViTConfig, part: Literal["train", "eval"]
) -> Images:
    """Returns the images to train or to evaluate on.

    Raises:
      InputError: there are none.
    """
    split = data.train_split if part == "train" else data.eval_split
    source: ImageSource = dataclasses.replace(find_data(data), split=split)
    transform = choose_transform(data, model, part)
    if data.in_memory:
        held = hold(source, transform, num_threads=max(1, data.num_threads))
        return Images(held, AsIs())
    return Images(source, transform)


def choose_transform(
    data: DataConfig, model: ViTConfig, part: Literal["train", "eval"]
) -> Transform:
    """Returns what gives images the model's size."""
    size, channels = model.image_size, model.in_channels
    if part == "train" and data.crop == "random":
        return TrainCrop(
            size,
            scale=data.crop_scale,
            interpolation=data.interpolation,
            channels=channels,
        )
    if data.resize == "none":
        return AsIs(channels=channels)
    if part == "train" and data.crop == "simple":
        return SimpleCrop(
            size,
            crop_fraction=data.crop_fraction,
            mode=data.resize,
            padding=data.crop_padding,
            interpolation=data.interpolation,
            channels=channels,
        )
    return EvalCrop(
        size,
        crop_fraction=data.crop_fraction,
        mode=data.resize,
        interpolation=data.interpolation,
        channels=channels,
    )


def find_pixels(config: TrainConfig, source: ImageSource) -> Pixels:
    """Returns by which a run normalises: as its weights were trained, or its data."""
    mean, std = config.init.pixel_mean, config.init.pixel_std
    return source.pixels if mean is None or std is None else Pixels(mean, std)


def make_batches(config: TrainConfig, images: Images, shard: Shard) -> Batches:
    """Returns a run's training batches; of each, the part that a process makes."""
    data = config.data
    return train_batches(
        images.source,
        batch_size=data.batch_size,
        seed=config.run.seed,
        num_threads=data.num_threads,
        transform=images.transform,
        shard=shard,
        num_workers=data.num_workers,
        max_broken=data.max_broken,
        repeats=data.repeats,
    )


def on_device(batch: Batch) -> dict[str, NDArray[Any]]:
    """Returns what of a batch a step or an evaluation computes with."""
    return {"image": batch["image"], "label": batch["label"], "real": batch["real"]}
