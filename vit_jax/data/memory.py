"""A small collection decoded once, held as arrays.

Axes: n images, b batch, r rows, c columns, k channels.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from vit_jax.data.decode import BrokenImageError
from vit_jax.data.read import read_image
from vit_jax.data.sources import Example, ImageSource
from vit_jax.data.transforms import AsIs, Transform
from vit_jax.errors import InputError
from vit_jax.pixels import Pixels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Held:
    """A source in memory, of images of one size; what was broken still is."""

    source: ImageSource
    images: UInt8[np.ndarray, "n r c k"]
    labels: Int32[np.ndarray, " n"]
    broken: Mapping[int, str]
    """What is wrong with an image, by its index."""

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.source.class_names

    @property
    def pixels(self) -> Pixels:
        return self.source.pixels

    def __repr__(self) -> str:
        return f"{self.source!r} in memory"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Example:
        if index in self.broken:
            raise BrokenImageError(self.broken[index])
        return {"image": self.images[index], "label": int(self.labels[index])}

    def name(self, index: int) -> str:
        """Returns what the source calls an image."""
        return self.source.name(index)

    def gather(
        self,
        indices: Int64[np.ndarray, " b"],
        images: UInt8[np.ndarray, "b r c k"],
        labels: Int32[np.ndarray, " b"],
    ) -> Sequence[int]:
        """Fills a batch, and returns the rows that it has no whole image for."""
        # "clip", because "raise" copies all once more; what it does to -1 is mended by
        # who fills the rows that are returned.
        np.take(self.images, indices, axis=0, out=images, mode="clip")
        np.take(self.labels, indices, out=labels, mode="clip")
        lacking = indices < 0
        if self.broken:
            lacking |= np.isin(indices, list(self.broken))
        labels[lacking] = 0
        return np.flatnonzero(lacking).tolist()


def hold(
    source: ImageSource, transform: Transform | None = None, *, num_threads: int = 1
) -> Held:
    """Returns a source with all its images read, transformed and in memory.

    Batches of it are those of the source itself, faster.

    Args:
      transform: None where all images have one size already.

    Raises:
      InputError: the transform is random, images differ in size, or all are broken.
    """
    transform = AsIs() if transform is None else transform
    if transform.is_random:
        raise InputError(
            f"{type(transform).__name__} gives another image in each epoch, and cannot"
            " be held: hold images as they are, or resized by EvalCrop."
        )

    def read(index: int) -> tuple[UInt8[np.ndarray, "r c k"], int] | str:
        try:
            return read_image(source, index, transform)
        except BrokenImageError as error:
            return str(error)

    images = labels = None
    broken: dict[int, str] = {}
    with ThreadPoolExecutor(max(1, num_threads)) as executor:
        for index, found in enumerate(executor.map(read, range(len(source)))):
            if isinstance(found, str):
                broken[index] = found
                continue
            pixels, label = found
            if images is None or labels is None:
                images = np.zeros((len(source), *pixels.shape), np.uint8)
                labels = np.zeros(len(source), np.int32)
            if pixels.shape != images.shape[1:]:
                raise InputError(
                    f"{source.name(index)} is {pixels.shape}, and images before it"
                    f" {images.shape[1:]}: give hold() an EvalCrop."
                )
            images[index], labels[index] = pixels, label
    if images is None or labels is None:
        raise InputError(f"{source} has no image that can be decoded.")
    return Held(source, images, labels, broken)
