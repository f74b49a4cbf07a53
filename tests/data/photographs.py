"""Small photographs as files, whole and damaged."""

import dataclasses
import functools
import io
import struct

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from vit_jax.pixels import IMAGENET

DAMAGES = {
    "truncated": lambda data: data[: len(data) // 2],
    "zero bytes": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "wrong type": lambda data: b"<!DOCTYPE html><html>404 not found</html>",
    "huge header": lambda data: with_size(data, 65_000, 65_000),
}


@functools.cache
def photograph(index: int, size: tuple[int, int] = (60, 45)) -> Image.Image:
    """Returns a part of one of scikit-learn's photographs; (columns, rows)."""
    photos = load_sample_images().images
    image = Image.fromarray(photos[index % len(photos)])
    rng = np.random.default_rng(index)
    left, top = rng.integers(0, 300), rng.integers(0, 200)
    return image.resize(size, box=(left, top, left + 320, top + 220))


def encode(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    """Returns an image as a file's content."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@functools.cache
def jpeg(index: int, size: tuple[int, int] = (60, 45)) -> bytes:
    """Returns a photograph as JPEG."""
    return encode(photograph(index, size), quality=90)


def with_size(data: bytes, rows: int, columns: int) -> bytes:
    """Returns a JPEG whose header speaks of another size."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", rows, columns) + data[at + 4 :]


@dataclasses.dataclass(frozen=True)
class Photographs:
    """JPEG files of which some are damaged; the label is the index."""

    length: int
    damaged: tuple[int, ...] = ()
    size: tuple[int, int] = (60, 45)

    pixels = IMAGENET

    @property
    def class_names(self):
        return tuple(str(i) for i in range(self.length))

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        data = jpeg(index % 50, self.size)
        if index in self.damaged:
            kinds = list(DAMAGES.values())
            data = kinds[self.damaged.index(index) % len(kinds)](data)
        return {"image": data, "label": index}

    def name(self, index):
        return f"photos/{index}.jpg"


def damage(length: int, count: int) -> tuple[int, ...]:
    """Returns which images of a collection are damaged, drawn at random."""
    rng = np.random.default_rng(length + count)
    return tuple(sorted(rng.choice(length, count, replace=False).tolist()))
