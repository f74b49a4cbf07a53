"""DataConfig: which images, and how they come to the training step."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from vit_jax.train.augment.config import AugmentConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which images, how they get the model's size, and how they are batched."""

    source: str = "digits"
    """digits; a folder of class folders, of a TFDS data set, of .parquet, .arrow or
    .tar files; a .npz file; or the name of a TFDS data set."""
    data_dir: Path = Path("~/tensorflow_datasets")
    """Where TFDS data sets lie."""
    train_split: str = "train"
    """TFDS's words for a part of it too, such as train[:90%]."""
    eval_split: str = "test"
    crop: Literal["none", "random", "simple"] = "none"
    """none: training images have the model's size, or get it as those to evaluate on
    do. random: a part of each, of random area and shape (arXiv:1409.4842). simple: they
    are scaled as those to evaluate on, and cut at random (arXiv:2204.07118)."""
    crop_padding: int = 0
    """simple: pixels that are reflected outwards before it is cut; 4 in DeiT III."""
    crop_scale: tuple[float, float] = (0.08, 1.0)
    """Least and largest share of an image's area that a random crop takes."""
    resize: Literal["none", "center", "squash"] = "none"
    """none: images have the model's size. center: the shorter edge is scaled to
    image_size / crop_fraction, then the middle is cut out. squash: both edges are."""
    crop_fraction: float = 0.875
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    in_memory: bool = False
    """Decode once and keep all images; for small data sets, without a random crop."""
    on_device: bool = False
    """Keep the training images on each device as well: a batch is then four bytes an
    image to send. With in_memory, and up to half of a device's memory."""
    repeats: int = 1
    """How many times an image comes in a row, changed anew each time (repeated
    augmentation, arXiv:1901.09335); an epoch then sees one image in so many."""
    batch_size: int = 64
    eval_batch_size: int = 360
    num_threads: int = 1
    """Threads that read ahead; 0 reads when a batch is asked for."""
    num_workers: int = 0
    """Processes that read ahead, instead of threads."""
    max_broken: float = 0.01
    """Largest share of images that cannot be read: each is replaced by another, counted
    and named; beyond it the run stops. 0 stops at the first."""


def find_data_faults(d: DataConfig, augment: AugmentConfig) -> Iterator[str]:
    """Yields a sentence for each fault."""
    for name in ("batch_size", "eval_batch_size", "repeats"):
        if getattr(d, name) < 1:
            yield f"data.{name}={getattr(d, name)}; at least 1."
    for name in ("num_threads", "num_workers", "max_broken", "crop_padding"):
        if getattr(d, name) < 0:
            yield f"data.{name}={getattr(d, name)} is negative."
    low, high = d.crop_scale
    if not 0 < low <= high <= 1:
        yield f"data.crop_scale={d.crop_scale}; two shares of an area."
    if d.in_memory and d.crop != "none":
        yield (
            f"data.in_memory=True keeps images of one size, which data.crop={d.crop!r}"
            " cannot cut from: choose one of them."
        )
    if d.on_device and not d.in_memory:
        yield "data.on_device=True keeps what data.in_memory=True has decoded: set it."
    if d.crop == "simple" and d.resize == "none":
        yield "data.crop='simple' scales as data.resize says: center or squash."
    if d.crop != "simple" and d.crop_padding:
        yield f"data.crop_padding={d.crop_padding} does nothing without crop='simple'."
    if d.repeats > 1 and d.crop == "none" and augment == AugmentConfig():
        yield (
            f"data.repeats={d.repeats} repeats images that nothing changes: set"
            " data.crop='random' or an augmentation."
        )
