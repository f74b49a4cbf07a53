"""Any image file in, fixed-size uint8 out."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from vit_jax.errors import InputError

MODES = {1: "L", 3: "RGB"}


def decode(path: Path, channels: int) -> Image.Image:
    """Returns an image file upright, in grey (1 channel) or RGB (3).

    Raises:
      InputError: no such file, no image, damaged, or another number of channels.
    """
    if channels not in MODES:
        raise InputError(
            f"the model takes {channels} channels, but an image file gives 1 or 3."
        )
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits, which convert() would clip
                levels = np.round(np.asarray(upright) / 257).astype(np.uint8)
                upright = Image.fromarray(levels)
            return upright.convert(MODES[channels])
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}: give an image's path.") from error
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise InputError(
            f"{path} cannot be read as an image ({error}). Give a whole PNG, JPEG,"
            " WebP, BMP or GIF file."
        ) from error


def resize(image: Image.Image, rows: int, columns: int) -> UInt8[np.ndarray, "r c k"]:
    """Returns the middle of an image at the given size, bicubic.

    The largest part of the wanted shape is cut out of the middle and resized at once.
    """
    fitted = ImageOps.fit(image, (columns, rows), Image.Resampling.BICUBIC)
    array = np.asarray(fitted)
    return array if array.ndim == 3 else array[:, :, None]
