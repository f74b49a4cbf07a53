"""A picture of some images of each class.

Axes: n images, r rows, c columns, k channels.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8
from PIL import Image, ImageDraw, ImageOps

from vit_jax.data.decode import open_image
from vit_jax.data.sources.protocol import ImageSource
from vit_jax.errors import InputError

CELL = 96
SIZE = (CELL - 4, CELL - 4)
MARGIN = 160
MAX_CLASSES = 20

Row = tuple[str, Sequence[Image.Image | None]]
"""A class's name, and thumbnails."""


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
    rows = [
        (source.class_names[label], [read_thumbnail(source, i) for i in indices])
        for label, indices in choose_images(labels, per_class).items()
    ]
    draw_rows(path, rows, columns=per_class)


def draw_rows(path: Path, rows: Sequence[Row], *, columns: int) -> None:
    """Draws rows of thumbnails, a name before each; a red one where there is none.

    Raises:
      InputError: the picture's suffix is unknown, or its folder is not there.
    """
    sheet = Image.new("RGB", (MARGIN + columns * CELL, len(rows) * CELL), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (name, thumbnails) in enumerate(rows):
        pen.text((4, row * CELL + CELL // 2), name[:26], "black")
        for column, thumbnail in enumerate(thumbnails):
            place = (MARGIN + column * CELL, row * CELL)
            sheet.paste(thumbnail or Image.new("RGB", SIZE, "red"), place)
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


def read_thumbnail(source: ImageSource, index: int) -> Image.Image | None:
    """Returns a square picture of an image; None where it is broken."""
    try:
        return make_thumbnail(open_image(source[index]["image"]).read(3))
    except InputError:
        return None


def make_thumbnail(pixels: UInt8[np.ndarray, "r c k"]) -> Image.Image:
    """Returns a square picture of an image of one or three channels."""
    grey = pixels.shape[2] == 1
    image = Image.fromarray(pixels[:, :, 0] if grey else pixels)
    return ImageOps.pad(image, SIZE, color="grey")
