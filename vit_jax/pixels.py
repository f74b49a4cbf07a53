"""Pixels: what a model expects an image's numbers to be."""

import dataclasses
from typing import Any

import numpy as np

from vit_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class Pixels:
    """Mean and standard deviation of each channel, of pixels scaled to 0..1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or min(self.std, default=0) <= 0:
            raise InputError(
                f"mean={self.mean} and std={self.std} do not describe pixels: give one"
                " mean and one positive standard deviation a channel."
            )


IMAGENET = Pixels((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = Pixels((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
UNIT = Pixels((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
CLIP = Pixels((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

NAMES = {HALF: "half", IMAGENET: "imagenet", CLIP: "clip", UNIT: "unit"}


def half(channels: int) -> Pixels:
    """Returns the statistics that take 0..255 to -1..1, for any number of channels."""
    return Pixels((0.5,) * channels, (0.5,) * channels)


def normalise(images: Any, pixels: Pixels) -> Any:
    """Returns float32 images with mean 0 and deviation 1, of numpy's kind or jax's.

    Args:
      images: uint8, or floats on the same scale of 0 to 255; channels last.
      pixels: one mean and deviation a channel.

    Raises:
      InputError: another number of channels.
    """
    if images.shape[-1] != len(pixels.mean):
        raise InputError(
            f"images of shape {images.shape} have {images.shape[-1]} channels, and the"
            f" pixel statistics {len(pixels.mean)}: give channels last, and one mean"
            " and deviation for each."
        )
    shape = (1,) * (images.ndim - 1) + (-1,)
    mean = np.asarray(pixels.mean, np.float32).reshape(shape)
    std = np.asarray(pixels.std, np.float32).reshape(shape)
    return (images.astype(np.float32) / np.float32(255) - mean) / std
