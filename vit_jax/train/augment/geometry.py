"""Geometry: flips, crops, and affine transforms as PIL's Image.transform.

Axes: b batch, r rows, c columns, k channels, n pixels (rows times columns). A matrix
(b, 6) takes a pixel of the result to where it comes from, in PIL's order: x = 0 x' +
1 y' + 2, y = 3 x' + 4 y' + 5, in pixels whose centres lie at halves.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Shaped, UInt8

from vit_jax.train.augment.config import Interpolation, PadMode
from vit_jax.train.augment.once import once

Axes = Literal["x", "y", "xy"]


def flip(
    images: Shaped[Array, "b r c k"], chosen: Bool[Array, " b"], *, axis: int = 2
) -> Shaped[Array, "b r c k"]:
    """Returns the chosen images mirrored: axis 2 left to right, 1 top to bottom."""
    return jnp.where(chosen[:, None, None, None], jnp.flip(images, axis), images)


def pad_crop(
    images: Shaped[Array, "b r c k"],
    offsets: Int[Array, "b 2"],
    *,
    pad: int,
    mode: PadMode = "reflect",
) -> Shaped[Array, "b r c k"]:
    """Returns the old size cut out of padded images, as torchvision's RandomCrop.

    Args:
      offsets: first row and column in the padded image, from 0 to 2 pad.
    """
    widths = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    padded = jnp.pad(images, widths, mode="constant" if mode == "zero" else mode)
    size = images.shape[1:]

    def crop(image: Array, offset: Array) -> Array:
        return jax.lax.dynamic_slice(image, (offset[0], offset[1], 0), size)

    return jax.vmap(crop)(padded, offsets)


def shear_x_matrix(factor: Float[Array, " b"]) -> Float[Array, "b 6"]:
    """Returns the matrices of timm's shear_x."""
    one, zero = jnp.ones_like(factor), jnp.zeros_like(factor)
    return jnp.stack([one, factor, zero, zero, one, zero], -1)


def shear_y_matrix(factor: Float[Array, " b"]) -> Float[Array, "b 6"]:
    """Returns the matrices of timm's shear_y."""
    one, zero = jnp.ones_like(factor), jnp.zeros_like(factor)
    return jnp.stack([one, zero, zero, factor, one, zero], -1)


def translate_x_matrix(pixels: Float[Array, " b"]) -> Float[Array, "b 6"]:
    """Returns the matrices of timm's translate_x_abs; positive moves to the left."""
    one, zero = jnp.ones_like(pixels), jnp.zeros_like(pixels)
    return jnp.stack([one, zero, pixels, zero, one, zero], -1)


def translate_y_matrix(pixels: Float[Array, " b"]) -> Float[Array, "b 6"]:
    """Returns the matrices of timm's translate_y_abs; positive moves up."""
    one, zero = jnp.ones_like(pixels), jnp.zeros_like(pixels)
    return jnp.stack([one, zero, zero, zero, one, pixels], -1)


def rotate_matrix(
    degrees: Float[Array, " b"], *, rows: int, columns: int
) -> Float[Array, "b 6"]:
    """Returns the matrices of PIL's rotate: counter-clockwise about the middle."""
    cosine, sine = jnp.cos(jnp.radians(degrees)), jnp.sin(jnp.radians(degrees))
    x, y = columns / 2, rows / 2
    left, top = x - cosine * x + sine * y, y - sine * x - cosine * y
    return jnp.stack([cosine, -sine, left, sine, cosine, top], -1)


def transform(
    images: UInt8[Array, "b r c k"],
    matrices: Float[Array, "b 6"],
    *,
    fill: tuple[int, ...],
    interpolation: Interpolation = "bicubic",
    cubic: Bool[Array, " b"] | None = None,
    axes: Axes = "xy",
) -> UInt8[Array, "b r c k"]:
    """Returns images resampled, as PIL's Image.transform with an affine matrix.

    PIL computes in double precision and cuts off: single precision here gives another
    grey level where a value is all but whole (1 in 1,000 at most, by 1).

    Args:
      fill: the grey levels of what comes from outside, one a channel.
      cubic: which images are bicubic, the others bilinear, where it is "random".
      axes: "x" or "y" says that pixels keep their rows or columns, and saves the work.
    """
    _, rows, columns, channels = images.shape
    y, x = jnp.mgrid[:rows, :columns].reshape(2, 1, -1) + 0.5  # (1, n)
    n = rows * columns
    m = matrices[:, :, None]
    x, y = m[:, 0] * x + m[:, 1] * y + m[:, 2], m[:, 3] * x + m[:, 4] * y + m[:, 5]
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)  # (b, n)
    left, top = jnp.floor(x - 0.5), jnp.floor(y - 0.5)
    across, down = x - 0.5 - left, y - 0.5 - top
    left, top = left.astype(jnp.int32), top.astype(jnp.int32)

    if interpolation != "random":
        cubic = jnp.full(len(images), interpolation == "bicubic")
    assert cubic is not None
    steps = (0, 1) if interpolation == "bilinear" else (-1, 0, 1, 2)
    x_steps, y_steps = (steps if axis in axes else (0,) for axis in "xy")
    starts = [jnp.clip(top + step, 0, rows - 1) * columns for step in y_steps]
    places = [jnp.clip(left + step, 0, columns - 1) for step in x_steps]
    index = jnp.stack([r + c for r in starts for c in places], 1)  # (b, taps, n)
    taps = once(_take(_pack(images), once(index)))
    taps = taps.reshape(len(images), len(y_steps), len(x_steps), n)
    cut: list[Array] = []
    for k in range(channels):
        level = ((taps >> (8 * k)) & 255).astype(jnp.float32)
        lines = once(_blend(level, across, cubic))
        value = jnp.clip(_blend(lines, down, cubic), 0, 255)
        cut.append(jnp.where(inside, value, fill[k]).astype(jnp.uint8))
    return jnp.stack(cut, -1).reshape(images.shape)


def _blend(taps: Array, d: Array, cubic: Array) -> Array:
    """Returns values between the middle two of the taps, the last axis but one.

    In this order of operations, PIL's, a plain area stays exactly what it is.
    """
    if taps.shape[-2] == 1:
        return taps[..., 0, :]
    d = d.reshape(len(d), *(1,) * (taps.ndim - 3), -1)
    if taps.shape[-2] == 2:
        first, second = taps[..., 0, :], taps[..., 1, :]
        return first + (second - first) * d
    v1, v2, v3, v4 = (taps[..., i, :] for i in range(4))
    chosen = cubic.reshape(len(d), *(1,) * (d.ndim - 1))
    p2 = jnp.where(chosen, v3 - v1, v3 - v2)
    p3 = jnp.where(chosen, 2 * (v1 - v2) + v3 - v4, 0)
    p4 = jnp.where(chosen, v2 - v1 - v3 + v4, 0)
    return v2 + d * (p2 + d * (p3 + d * p4))


def _pack(images: UInt8[Array, "b r c k"]) -> Int[Array, "b n"]:
    """Returns all channels of a pixel, three at most, in one word: fewer look-ups."""
    flat = images.reshape(len(images), -1, images.shape[-1]).astype(jnp.int32)
    shifts = 8 * jnp.arange(images.shape[-1])[None, None]
    return (flat << shifts).sum(-1)


def _take(pixels: Int[Array, "b n"], index: Int[Array, "b t n"]) -> Int[Array, "b t n"]:
    take = jax.vmap(lambda p, i: p.at[i].get(mode="promise_in_bounds"))
    return take(pixels, index)
