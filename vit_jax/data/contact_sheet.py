"""A picture of some images of each class.

Axes: n images.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Int32
from PIL import Image, ImageDraw, ImageOps

from vit_jax.data.decode import open_image
from vit_jax.data.sources.protocol import ImageSource
from vit_jax.errors import InputError

CELL = 96
MARGIN = 160
MAX_CLASSES = 20


def draw_sheet(
    path: Path,
    source: ImageSource,
    labels: Int32[np.ndarray, " n"],
    *,
    per_class: int = 8,
) -> None:
    """Draws images of up to 20 classes, a row each, spread over the source.

    Args:
      labels: of every image of the source; -1 where it cannot be read.

    Raises:
      InputError: the picture's suffix is unknown, or its folder is not there.
    """
    rows = choose_images(labels, per_class)
    sheet = Image.new("RGB", (MARGIN + per_class * CELL, len(rows) * CELL), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (label, indices) in enumerate(rows.items()):
        pen.text((4, row * CELL + CELL // 2), source.class_names[label][:26], "black")
        for column, index in enumerate(indices):
            place = (MARGIN + column * CELL, row * CELL)
            sheet.paste(_thumbnail(source, index), place)
    try:
        sheet.save(path)
    except (ValueError, FileNotFoundError) as error:
        raise InputError(
            f"{path} cannot be written ({error}): give a .png in a folder that exists."
        ) from error


def choose_images(
    labels: Int32[np.ndarray, " n"], per_class: int
) -> dict[int, list[int]]:
    """Returns the indices of some images of each class, of some classes of many."""
    classes = _spread(np.unique(labels[labels >= 0]), MAX_CLASSES)
    return {
        label: _spread(np.flatnonzero(labels == label), per_class) for label in classes
    }


def _spread(values: np.ndarray, count: int) -> list[int]:
    """Returns up to so many of the values, evenly spaced."""
    places = np.linspace(0, len(values) - 1, min(count, len(values))).astype(int)
    return values[places].tolist()


def _thumbnail(source: ImageSource, index: int) -> Image.Image:
    """Returns a square picture of an image; a red one where it is broken."""
    size = CELL - 4, CELL - 4
    try:
        pixels = open_image(source[index]["image"]).read(3)
    except InputError:
        return Image.new("RGB", size, "red")
    return ImageOps.pad(Image.fromarray(pixels), size, color="grey")
