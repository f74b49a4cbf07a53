"""One batch: a function of its number alone.

Axes: b batch, r rows, c columns, k channels.
"""

import dataclasses
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8

from vit_jax.data.broken import TRIES, substitutes
from vit_jax.data.decode import BrokenImageError
from vit_jax.data.memory import Held
from vit_jax.data.order import TRANSFORM, Plan, random_numbers
from vit_jax.data.read import read_image
from vit_jax.data.sources import ImageSource
from vit_jax.data.transforms import AsIs, Transform
from vit_jax.errors import InputError


class MadeBatch(TypedDict):
    """A batch, and which of its images turned out broken."""

    image: UInt8[np.ndarray, "b r c k"]
    label: Int32[np.ndarray, " b"]
    real: Bool[np.ndarray, " b"]
    index: Int64[np.ndarray, " b"]
    broken: Bool[np.ndarray, " b"]


@dataclasses.dataclass(frozen=True)
class MakeBatch:
    """Makes the batches of a plan, in any order, in any thread or process."""

    source: ImageSource
    transform: Transform
    plan: Plan
    image_shape: tuple[int, int, int]
    has_substitutes: bool
    """Whether another image stands in for a broken one; else its place stays empty."""

    def __call__(self, number: int) -> MadeBatch:
        epochs, indices, copies = self.plan(number)
        count = len(indices)
        images = np.empty((count, *self.image_shape), np.uint8)
        labels = np.zeros(count, np.int32)
        broken = np.zeros(count, np.bool_)
        real = indices >= 0
        rows = range(count)
        if isinstance(self.source, Held) and self.transform == AsIs():
            rows = self.source.gather(indices, images, labels)
        for row in rows:
            epoch, index, copy = int(epochs[row]), int(indices[row]), int(copies[row])
            images[row] = 0
            if index < 0:
                continue
            try:
                pixels, labels[row] = self._read(index, epoch, index, copy)
            except BrokenImageError:
                broken[row] = True
                real[row] = self.has_substitutes
                if not self.has_substitutes:
                    continue
                pixels, labels[row] = self._read_substitute(epoch, index, copy)
            images[row] = self._check(pixels, index)
        return MadeBatch(
            image=images, label=labels, real=real, index=indices, broken=broken
        )

    def describe(self, index: int) -> str:
        """Returns the name of a broken image and what is wrong with it."""
        try:
            self._read(index, epoch=0, place=index, copy=0)
        except BrokenImageError as error:
            return f"{name_image(self.source, index)}: {error}"
        return name_image(self.source, index)

    def _read(
        self, index: int, epoch: int, place: int, copy: int
    ) -> tuple[UInt8[np.ndarray, "r c k"], int]:
        """Returns image `index` with the random numbers of a copy of image `place`."""
        if not self.transform.is_random:
            return read_image(self.source, index, self.transform)
        rng = random_numbers(self.plan.seed, epoch, place, purpose=TRANSFORM, copy=copy)
        return read_image(self.source, index, self.transform, rng)

    def _read_substitute(
        self, epoch: int, index: int, copy: int
    ) -> tuple[UInt8[np.ndarray, "r c k"], int]:
        """Returns the image that stands in, the same for all copies of one."""
        for other in substitutes(self.plan.seed, epoch, index, len(self.source)):
            try:
                return self._read(other, epoch, index, copy)
            except BrokenImageError:
                continue
        raise AssertionError("substitutes() raises where there is none")

    def _check(
        self, pixels: UInt8[np.ndarray, "r c k"], index: int
    ) -> UInt8[np.ndarray, "r c k"]:
        if pixels.shape != self.image_shape:
            raise InputError(
                f"{name_image(self.source, index)} is {pixels.shape}, and images before"
                f" it {self.image_shape} (rows, columns, channels): choose EvalCrop or"
                " TrainCrop, which bring all to one size."
            )
        return pixels


def find_image_shape(source: ImageSource, transform: Transform) -> tuple[int, int, int]:
    """Returns the shape of a source's images behind a transform.

    Raises:
      InputError: the source is empty, or none of its first hundred can be decoded.
    """
    if len(source) == 0:
        raise InputError(f"{source} has no images.")
    if transform.image_shape is not None:
        return transform.image_shape
    for index in range(min(TRIES, len(source))):
        try:
            rows, columns, channels = read_image(source, index, transform)[0].shape
        except BrokenImageError:
            continue
        return rows, columns, channels
    raise InputError(f"of the first {TRIES} images of {source} none can be decoded.")


def name_image(source: ImageSource, index: int) -> str:
    """Returns what to call an image in a message."""
    name = getattr(source, "name", None)
    return f"image {index}" if name is None else name(index)
