"""One image of a source, transformed; whatever is wrong with it has one name.

Axes: r rows, c columns, k channels.
"""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from vit_jax.data.decode import BrokenImageError
from vit_jax.data.sources import ImageSource
from vit_jax.data.transforms import Transform
from vit_jax.errors import InputError


def read_image(
    source: ImageSource,
    index: int,
    transform: Transform,
    rng: np.random.Generator | None = None,
) -> tuple[UInt8[np.ndarray, "r c k"], int]:
    """Returns an image and its label.

    Raises:
      BrokenImageError: it cannot be read or decoded.
      InputError: it does not fit the transform.
    """
    try:
        example = source[index]
    except (InputError, OSError) as error:
        raise BrokenImageError(f"{error}") from error
    return transform(example["image"], rng), example["label"]


def read_file(path: Path, transform: Transform) -> UInt8[np.ndarray, "r c k"]:
    """Returns an image file, transformed.

    Raises:
      InputError: no such file, no image, or damaged.
    """
    try:
        return transform(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}: give an image's path.") from error
    except (OSError, BrokenImageError) as error:
        raise InputError(
            f"{path} cannot be read as an image ({error}). Give a whole PNG, JPEG,"
            " WebP, BMP or GIF file."
        ) from error
