"""Where timm and Hugging Face cut an image to evaluate on, to the pixel.

Axes: r rows, c columns, k channels.
"""

import math
from typing import Literal

import numpy as np
from jaxtyping import UInt8

Mode = Literal["center", "squash", "border"]
Margin = Literal["even", "down"]


def resized(
    image: tuple[int, int], wanted: tuple[int, int], fraction: float, mode: Mode
) -> tuple[int, int]:
    """Returns the rows and columns that an image is resized to before it is cut."""
    rows, columns = image
    down, across = (math.floor(edge / fraction) for edge in wanted)
    if mode == "squash":
        return down, across
    if mode == "center" and down == across:
        # torchvision cuts the long edge off; only timm's own resizes round it.
        short, long = sorted(image)
        grown = int(down * long / short)
        return (grown, down) if rows > columns else (down, grown)
    ratios = rows / down, columns / across
    ratio = max(ratios) if mode == "border" else min(ratios)
    return max(1, round(rows / ratio)), max(1, round(columns / ratio))


def place_window(
    pixels: UInt8[np.ndarray, "r c k"],
    rows: int,
    columns: int,
    margin: Margin,
    fill: int | tuple[int, ...],
) -> UInt8[np.ndarray, "r2 c2 k"]:
    """Returns the middle of an image; where the image is too small, filled up."""
    height, width, channels = pixels.shape
    if height < rows or width < columns:
        canvas = np.empty((max(rows, height), max(columns, width), channels), np.uint8)
        canvas[:] = fill
        # What is missing and odd is missing more behind.
        top, left = max(rows - height, 0) // 2, max(columns - width, 0) // 2
        canvas[top : top + height, left : left + width] = pixels
        return place_window(canvas, rows, columns, margin, fill)
    top, left = (
        round(spare / 2) if margin == "even" else spare // 2
        for spare in (height - rows, width - columns)
    )
    return pixels[top : top + rows, left : left + columns]
