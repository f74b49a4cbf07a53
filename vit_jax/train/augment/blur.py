"""Gaussian blur as PIL's: three box blurs along the rows, three along the columns.

Axes: b batch, r rows, c columns, k channels.
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from vit_jax.train.augment.once import once

PASSES = 3


def blur(
    images: UInt8[Array, "b r c k"], sigma: Float[Array, " b"], *, largest: float
) -> UInt8[Array, "b r c k"]:
    """Returns images blurred: PIL's ImageFilter.GaussianBlur, rounded after each box.

    Args:
      sigma: deviation in pixels, PIL's `radius`.
      largest: no sigma is above it; it decides how many pixels a box may hold.

    Source: Gwosdek et al. 2011, theoretical foundations of Gaussian convolution by
    extended box filtering.
    """
    whole, inner, outer = _boxes(sigma)
    reach = math.floor((math.sqrt(12 * largest**2 / PASSES + 1) - 1) / 2) + 1
    result = images.astype(jnp.uint32)
    for axis in (2, 1):
        for _ in range(PASSES):
            result = _box(result, whole, inner, outer, axis=axis, reach=reach)
    return result.astype(jnp.uint8)


def _boxes(sigma: Float[Array, " b"]) -> tuple[Array, Array, Array]:
    """Returns a box's whole radius and the weights of 2**24 within it and at its ends.

    In PIL's types: single precision, then unsigned 32 bits.
    """
    variance = sigma * sigma / PASSES
    whole = jnp.floor((jnp.sqrt(12 * variance + 1) - 1) / 2)
    part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    part = part / (6 * (variance - (whole + 1) * (whole + 1)))
    inner = (2.0**24 / ((whole + part) * 2 + 1)).astype(jnp.uint32)
    whole = whole.astype(jnp.uint32)
    outer = (2**24 - (whole * 2 + 1) * inner) // 2
    return whole, inner, outer


def _box(
    images: Array, whole: Array, inner: Array, outer: Array, *, axis: int, reach: int
) -> Array:
    """Returns the mean of each pixel's neighbours; the rim counts on for ever."""
    size = images.shape[axis]
    pads = [(reach, reach) if a == axis else (0, 0) for a in range(4)]
    padded = once(jnp.pad(images, pads, mode="edge"))
    total = jnp.full(images.shape, 2**23, jnp.uint32)
    for step in range(-reach, reach + 1):
        weight = jnp.where(abs(step) <= whole, inner, 0)
        weight = jnp.where(abs(step) == whole + 1, outer, weight)[:, None, None, None]
        window = [slice(None)] * 4
        window[axis] = slice(reach + step, reach + step + size)
        total = total + weight.astype(jnp.uint32) * padded[tuple(window)]
    return once(total >> 24)
