"""What benchmarks.data compares: loaders that decode, crop, flip and batch JPEGs."""

import dataclasses
import functools
import io
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from vit_jax.data.order import random_numbers
from vit_jax.data.pipeline import train_batches
from vit_jax.data.sources import Example
from vit_jax.data.transforms import TrainCrop
from vit_jax.pixels import IMAGENET

COUNT, BATCH, BATCHES = 300, 64, 14


@functools.cache
def jpegs() -> list[bytes]:
    """Returns 300 JPEGs of about 50 kB, parts of scikit-learn's two photographs."""
    from sklearn.datasets import load_sample_images

    photos = [Image.fromarray(photo) for photo in load_sample_images().images]
    rng = np.random.default_rng(0)
    files = []
    for i in range(COUNT):
        width = rng.uniform(300, 560)
        left, top = rng.uniform(0, 640 - width), rng.uniform(0, 427 - width * 3 / 4)
        box = (left, top, left + width, top + width * 3 / 4)
        part = photos[i % 2].resize((500, 375), Image.Resampling.BICUBIC, box)
        stream = io.BytesIO()
        part.save(stream, "JPEG", quality=90)
        files.append(stream.getvalue())
    return files


@dataclasses.dataclass(frozen=True)
class Jpegs:
    """The 300 files; each worker process makes them for itself."""

    class_names = ("a", "b")
    pixels = IMAGENET

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> Example:
        return {"image": jpegs()[index], "label": index % 2}

    def name(self, index: int) -> str:
        return f"image {index}"


@dataclasses.dataclass(frozen=True)
class FlippedCrop(TrainCrop):
    """With the flip, which training does on the device, as the others here do it."""

    def __call__(self, image, rng=None):
        pixels = super().__call__(image, rng)
        return pixels[:, ::-1] if rng is not None and rng.random() < 0.5 else pixels


def pillow_crop(data: bytes, rng: np.random.Generator, kernel: str) -> np.ndarray:
    """Returns a crop as torchvision's transforms make it, without torchvision."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    top, left, rows, columns = TrainCrop(224).draw(rng, image.height, image.width)
    box = (left, top, left + columns, top + rows)
    image = image.crop(box).resize((224, 224), Image.Resampling[kernel])
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.array(image)


def ours(**options) -> Iterator[np.ndarray]:
    """Yields batches of this library."""
    decoder, kernel = options.pop("decoder", "auto"), options.pop("kernel", "bicubic")
    transform = FlippedCrop(224, interpolation=kernel, decoder=decoder)
    batches = train_batches(
        Jpegs(), batch_size=BATCH, seed=0, transform=transform, **options
    )
    try:
        for batch in batches:
            yield batch["image"]
    finally:
        batches.close()


class TorchSet:
    """What a torch.utils.data.DataLoader loads."""

    def __init__(self, kernel: str) -> None:
        self.kernel = kernel

    def __len__(self) -> int:
        return COUNT * 100

    def __getitem__(self, index: int):
        import torch

        rng = random_numbers(0, 0, index, purpose=0)
        pixels = pillow_crop(jpegs()[index % COUNT], rng, self.kernel)
        return torch.from_numpy(pixels).permute(2, 0, 1), index % 2


def torch_loader(num_workers: int, kernel: str) -> Iterator[np.ndarray]:
    """Yields batches of torch's loader."""
    import torch

    yield from torch.utils.data.DataLoader(
        TorchSet(kernel), BATCH, shuffle=True, num_workers=num_workers
    )


def grain_pillow(num_threads: int) -> Iterator[np.ndarray]:
    """Yields batches of grain with Pillow."""
    import grain

    files = grain.MapDataset.source(Jpegs()).seed(0).shuffle().repeat()
    crops = files.random_map(lambda x, rng: pillow_crop(x["image"], rng, "BICUBIC"))
    options = grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=4)
    yield from crops.batch(BATCH).to_iter_dataset(options)


def tf_data() -> Iterator[np.ndarray]:
    """Yields batches of tf.data, partly decoded; bilinear without antialiasing."""
    import tensorflow as tf

    def crop(data: tf.Tensor) -> tf.Tensor:
        shape = tf.io.extract_jpeg_shape(data)
        begin, size, _ = tf.image.sample_distorted_bounding_box(
            shape,
            tf.zeros((1, 0, 4)),
            area_range=(0.08, 1),
            aspect_ratio_range=(3 / 4, 4 / 3),
            min_object_covered=0,
            use_image_if_no_bounding_boxes=True,
        )
        window = tf.concat([begin[:2], size[:2]], 0)
        image = tf.io.decode_and_crop_jpeg(data, window, channels=3)
        image = tf.image.resize(image, (224, 224))
        return tf.cast(tf.image.random_flip_left_right(image), tf.uint8)

    files = tf.data.Dataset.from_tensor_slices(jpegs()).repeat().shuffle(COUNT)
    images = files.map(crop, num_parallel_calls=2).batch(BATCH).prefetch(2)
    yield from images.as_numpy_iterator()


CASES: dict[str, Callable[[], Iterator[np.ndarray]]] = {
    "ours, 0 threads": lambda: ours(num_threads=0),
    "ours, 2 threads": lambda: ours(num_threads=2),
    "ours, 2 threads, bilinear": lambda: ours(num_threads=2, kernel="bilinear"),
    "ours, 2 worker processes": lambda: ours(num_threads=0, num_workers=2),
    "ours, Pillow, 2 threads": lambda: ours(num_threads=2, decoder="pil"),
    "torch DataLoader, Pillow, 0 workers": lambda: torch_loader(0, "BICUBIC"),
    "torch DataLoader, Pillow, 2 workers": lambda: torch_loader(2, "BICUBIC"),
    "torch DataLoader, bilinear, 2 workers": lambda: torch_loader(2, "BILINEAR"),
    "grain, Pillow, 2 threads": lambda: grain_pillow(2),
    "tf.data, bilinear, 2 threads": tf_data,
}
