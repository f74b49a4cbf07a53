"""Any image in, fixed-size uint8 out.

Axes: r rows, c columns, k channels.
"""

import dataclasses
import math
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from vit_jax.data.decode import (
    MAX_PIXELS,
    MODES,
    BrokenImageError,
    Decoder,
    open_image,
)
from vit_jax.data.eval_geometry import Margin, Mode, place_window, resized
from vit_jax.data.resize import FILTERS, Interpolation, find_shrink, resize
from vit_jax.errors import InputError

Size = int | tuple[int, int]


@runtime_checkable
class Transform(Protocol):
    """Brings any image to one shape."""

    is_random: ClassVar[bool]
    """Whether it needs random numbers."""

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Rows, columns, channels; None for those that images come with."""
        ...

    def __call__(
        self,
        image: bytes | UInt8[np.ndarray, "r c k"],
        rng: np.random.Generator | None = None,
    ) -> UInt8[np.ndarray, "r2 c2 k2"]: ...


@dataclasses.dataclass(frozen=True)
class AsIs:
    """Images that have the size already; another size raises."""

    image_size: Size | None = None
    """None asks only that all have the same."""
    channels: int | None = None
    """None for those of the first image."""

    is_random: ClassVar[bool] = False

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        if self.image_size is None or self.channels is None:
            return None
        return (*pair(self.image_size), self.channels)

    def __call__(
        self,
        image: bytes | UInt8[np.ndarray, "r c k"],
        rng: np.random.Generator | None = None,
    ) -> UInt8[np.ndarray, "r2 c2 k2"]:
        grey = isinstance(image, np.ndarray) and image.shape[2] == 1
        pixels = open_image(image, "pil").read(self.channels or (1 if grey else 3))
        if self.image_size is not None and pixels.shape[:2] != pair(self.image_size):
            raise InputError(
                f"an image is {pixels.shape[0]} x {pixels.shape[1]}, not"
                f" {self.image_size}: choose EvalCrop or TrainCrop, which resize."
            )
        return pixels


@dataclasses.dataclass(frozen=True)
class TrainCrop:
    """A part of the image, random in size, shape and place, resized.

    The part's edges lie on multiples of 2, 4 or 8 pixels where it is that many times as
    large as what is wanted: so much smaller a JPEG is decoded, and nothing else of the
    result depends on the format. OpenCV's pixels differ from Pillow's by about one
    level of 255.

    Source: Szegedy et al. 2014 (arXiv:1409.4842), section 6, as in torchvision.
    """

    image_size: Size
    scale: tuple[float, float] = (0.08, 1.0)
    """Least and largest share of the image's area."""
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    """Least and largest width / height."""
    interpolation: Interpolation = "bicubic"
    channels: int = 3
    decoder: Decoder = "auto"

    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_choices(self.image_size, self.interpolation, self.channels)
        for name in ("scale", "ratio"):
            low, high = getattr(self, name)
            if not 0 < low <= high or (name == "scale" and high > 1):
                raise InputError(
                    f"{name}=({low}, {high}) is no range: give the least, positive, and"
                    " the largest; a share of the area is at most 1."
                )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (*pair(self.image_size), self.channels)

    def __call__(
        self,
        image: bytes | UInt8[np.ndarray, "r c k"],
        rng: np.random.Generator | None = None,
    ) -> UInt8[np.ndarray, "r2 c2 k2"]:
        assert rng is not None, "a random crop needs random numbers"
        rows, columns, _ = self.image_shape
        encoded = open_image(image, self.decoder)
        top, left, height, width = self.draw(rng, encoded.rows, encoded.columns)
        shrink = find_shrink(height, width, rows, columns)
        pixels = encoded.read(self.channels, shrink=shrink)
        came_smaller = pixels.shape[:2] != (encoded.rows, encoded.columns)
        unit = 1 if came_smaller else shrink
        top, left, height, width = (
            unit * round(edge / shrink) for edge in (top, left, height, width)
        )
        part = pixels[top : top + height, left : left + width]
        return resize(part, rows, columns, self.interpolation, self.decoder)

    def draw(
        self, rng: np.random.Generator, rows: int, columns: int
    ) -> tuple[int, int, int, int]:
        """Returns top, left, height, width of a random part, in pixels."""
        # Drawn all at once: what is drawn for this image is never drawn for another.
        areas = rows * columns * rng.uniform(*self.scale, size=10)
        ratios = np.exp(rng.uniform(*np.log(self.ratio), size=10))
        down, across = rng.random(2)
        for area, ratio in zip(areas.tolist(), ratios.tolist(), strict=True):
            width, height = (
                round(math.sqrt(area * ratio)),
                round(math.sqrt(area / ratio)),
            )
            if 0 < width <= columns and 0 < height <= rows:
                top = int(down * (rows - height + 1))
                left = int(across * (columns - width + 1))
                return top, left, height, width
        # No part of that shape fits: the middle, as much of it as may be.
        low, high = self.ratio
        width = min(columns, max(1, round(rows * high)))
        height = min(rows, max(1, round(columns / low)))
        return (rows - height) // 2, (columns - width) // 2, height, width


@dataclasses.dataclass(frozen=True)
class EvalCrop:
    """The image, or its middle, resized exactly as timm or Hugging Face do it.

    Always by Pillow, whatever else is installed: published models were measured so.
    """

    image_size: Size
    crop_fraction: float = 0.9
    """Of the resized image, the share of its edge that is kept."""
    mode: Mode = "center"
    """center resizes the shortest edge to floor(image_size / crop_fraction) and keeps
    the middle; squash resizes both edges to it; border the longest, and fills up."""
    interpolation: Interpolation = "bicubic"
    channels: int = 3
    odd_margin: Margin = "even"
    """How half a pixel is rounded that is left over at each side: to the even number
    (timm, torchvision) or down (Hugging Face)."""
    fill: int | tuple[int, ...] = 0
    """Level of what fills up, of each channel; timm takes round(255 * mean)."""

    is_random: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_choices(self.image_size, self.interpolation, self.channels)
        if not 0 < self.crop_fraction <= 1:
            raise InputError(
                f"crop_fraction={self.crop_fraction}; above 0 and at most 1."
            )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (*pair(self.image_size), self.channels)

    def __call__(
        self,
        image: bytes | UInt8[np.ndarray, "r c k"],
        rng: np.random.Generator | None = None,
    ) -> UInt8[np.ndarray, "r2 c2 k2"]:
        pixels = open_image(image, "pil").read(self.channels)
        rows, columns, _ = self.image_shape
        height, width = resized(
            pixels.shape[:2], (rows, columns), self.crop_fraction, self.mode
        )
        if height * width > MAX_PIXELS:
            raise BrokenImageError(
                f"it is a line of {pixels.shape[0]} x {pixels.shape[1]} pixels, which"
                f" would be resized to {height} x {width}"
            )
        whole = resize(pixels, height, width, self.interpolation, "pil")
        return place_window(whole, rows, columns, self.odd_margin, self.fill)


def pair(size: Size) -> tuple[int, int]:
    """Returns (rows, columns) of a size."""
    return size if isinstance(size, tuple) else (size, size)


def check_choices(image_size: Size, interpolation: str, channels: int) -> None:
    """Raises InputError where a choice that all crops have is none."""
    if interpolation not in FILTERS:
        raise InputError(
            f"interpolation={interpolation!r}; one of {', '.join(FILTERS)}."
        )
    if channels not in MODES:
        raise InputError(f"channels={channels}; an image file gives 1 or 3.")
    if min(pair(image_size)) < 1:
        raise InputError(f"image_size={image_size}; at least 1 pixel.")
