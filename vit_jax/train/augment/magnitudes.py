"""Magnitudes: what an operation of timm's names does at a level.

Levels go from 0 to 10, and beyond where a policy allows.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array


class Operation(NamedTuple):
    """A row of the table: an operation of `plan`, and what a level means to it."""

    operation: str
    argument: Callable[[Array, Array, tuple[int, int]], Array]
    """Of a level, a sign (+1 or -1, half the time each) and rows and columns."""


def _none(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return jnp.zeros_like(level)


def _degrees(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return sign * (level / 10 * 30)


def _shear(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return sign * (level / 10 * 0.3)


def _columns(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return sign * (level / 10 * 0.45) * size[1]


def _rows(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return sign * (level / 10 * 0.45) * size[0]


def _pixels(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return sign * (level / 10 * int(min(size) * 0.45))


def _factor(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return level / 10 * 1.8 + 0.1


def _factor_increasing(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return jnp.maximum(0.1, 1 + sign * (level / 10 * 0.9))


def _desaturate(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return 1 - jnp.clip(0.5 + 0.5 * (level / 10), 0.5, 1)


def _sigma(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return jnp.clip(0.1 + 1.9 * (level / 10), 0.1, 2)


def _bits(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return jnp.floor(level / 10 * 4)


def _bits_increasing(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return 4 - _bits(level, sign, size)


def _bits_original(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return 4 + _bits(level, sign, size)


def _threshold(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return jnp.minimum(256, jnp.floor(level / 10 * 256))


def _threshold_increasing(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return 256 - _threshold(level, sign, size)


def _add(level: Array, sign: Array, size: tuple[int, int]) -> Array:
    return jnp.minimum(128, jnp.floor(level / 10 * 110))


MAGNITUDES = {
    "AutoContrast": Operation("auto_contrast", _none),
    "Equalize": Operation("equalize", _none),
    "Invert": Operation("invert", _none),
    "Rotate": Operation("rotate", _degrees),
    "Posterize": Operation("posterize", _bits),
    "PosterizeIncreasing": Operation("posterize", _bits_increasing),
    "PosterizeOriginal": Operation("posterize", _bits_original),
    "Solarize": Operation("solarize", _threshold),
    "SolarizeIncreasing": Operation("solarize", _threshold_increasing),
    "SolarizeAdd": Operation("solarize_add", _add),
    "Color": Operation("colour", _factor),
    "ColorIncreasing": Operation("colour", _factor_increasing),
    "Contrast": Operation("contrast", _factor),
    "ContrastIncreasing": Operation("contrast", _factor_increasing),
    "Brightness": Operation("brightness", _factor),
    "BrightnessIncreasing": Operation("brightness", _factor_increasing),
    "Sharpness": Operation("sharpness", _factor),
    "SharpnessIncreasing": Operation("sharpness", _factor_increasing),
    "ShearX": Operation("shear_x", _shear),
    "ShearY": Operation("shear_y", _shear),
    "TranslateX": Operation("translate_x", _pixels),
    "TranslateY": Operation("translate_y", _pixels),
    "TranslateXRel": Operation("translate_x", _columns),
    "TranslateYRel": Operation("translate_y", _rows),
    "Desaturate": Operation("colour", _desaturate),
    "GaussianBlur": Operation("blur", _sigma),
}
