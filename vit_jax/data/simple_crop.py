"""DeiT III's simple random crop: nearly all of the image, cut out at a random place.

Axes: r rows, c columns, k channels.
"""

import dataclasses
from typing import ClassVar

import numpy as np
from jaxtyping import UInt8

from vit_jax.data.decode import MAX_PIXELS, BrokenImageError, Decoder, open_image
from vit_jax.data.eval_geometry import Mode, resized
from vit_jax.data.resize import Interpolation, find_shrink, resize
from vit_jax.data.transforms import Size, check_choices, pair
from vit_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class SimpleCrop:
    """The image, resized as `EvalCrop` does it, and cut at random instead of amid.

    Source: Touvron et al. 2022 (arXiv:2204.07118), section 3.1, with crop_fraction=1
    and padding=4; big_vision's resize_small and random_crop have no padding.
    """

    image_size: Size
    crop_fraction: float = 1.0
    """Of the resized image, the share of its edge that is kept."""
    mode: Mode = "center"
    """center resizes the shortest edge, squash both."""
    padding: int = 0
    """Pixels that are reflected outwards at each edge before it is cut."""
    interpolation: Interpolation = "bicubic"
    channels: int = 3
    decoder: Decoder = "auto"

    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_choices(self.image_size, self.interpolation, self.channels)
        if not 0 < self.crop_fraction <= 1 or self.padding < 0:
            raise InputError(
                f"crop_fraction={self.crop_fraction} and padding={self.padding}; a"
                " share above 0 and at most 1, and a number that is not negative."
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
        height, width = resized(
            (encoded.rows, encoded.columns),
            (rows, columns),
            self.crop_fraction,
            self.mode,
        )
        if height * width > MAX_PIXELS:
            raise BrokenImageError(
                f"it is a line of {encoded.rows} x {encoded.columns} pixels, which"
                f" would be resized to {height} x {width}"
            )
        shrink = find_shrink(encoded.rows, encoded.columns, height, width)
        pixels = encoded.read(self.channels, shrink=shrink)
        whole = resize(pixels, height, width, self.interpolation, self.decoder)
        edges = (self.padding, self.padding)
        whole = np.pad(whole, (edges, edges, (0, 0)), mode="reflect")
        spare = whole.shape[0] - rows, whole.shape[1] - columns
        down, across = rng.random(2)
        top, left = int(down * (spare[0] + 1)), int(across * (spare[1] + 1))
        return whole[top : top + rows, left : left + columns]
