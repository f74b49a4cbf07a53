"""Operations that are tables: each of 256 grey levels goes to another.

Axes: b batch, r rows, c columns, k channels. Equal to PIL's ImageOps, bit for bit but
for `auto_contrast_table`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt8

LEVELS = np.arange(256, dtype=np.int32)[None, None]


def look_up(
    images: UInt8[Array, "b r c k"], tables: Int[Array, "b k 256"]
) -> UInt8[Array, "b r c k"]:
    """Returns images with each grey level exchanged by its channel's table."""
    channels = images.shape[-1]
    flat = tables.astype(jnp.uint8).reshape(len(images), -1)
    start = 256 * jnp.arange(channels).reshape(1, 1, 1, -1)
    index = (images.astype(jnp.int32) + start).reshape(len(images), -1)
    take = jax.vmap(lambda t, i: t.at[i].get(mode="promise_in_bounds"))
    return take(flat, index).reshape(images.shape)


def same_table(images: UInt8[Array, "b r c k"]) -> Int[Array, "b k 256"]:
    """Returns the tables that change nothing."""
    return jnp.broadcast_to(LEVELS, (len(images), images.shape[-1], 256))


def invert_table(images: UInt8[Array, "b r c k"]) -> Int[Array, "b k 256"]:
    """Returns the tables of ImageOps.invert."""
    return 255 - same_table(images)


def solarize_table(
    images: UInt8[Array, "b r c k"], threshold: Int[Array, " b"]
) -> Int[Array, "b k 256"]:
    """Returns the tables that invert from a grey level on: ImageOps.solarize."""
    same = same_table(images)
    return jnp.where(same < threshold[:, None, None], same, 255 - same)


def solarize_add_table(
    images: UInt8[Array, "b r c k"], add: Int[Array, " b"]
) -> Int[Array, "b k 256"]:
    """Returns the tables that add to the grey levels below 128: timm's solarize_add."""
    same = same_table(images)
    return jnp.where(same < 128, jnp.minimum(255, same + add[:, None, None]), same)


def posterize_table(
    images: UInt8[Array, "b r c k"], bits: Int[Array, " b"]
) -> Int[Array, "b k 256"]:
    """Returns the tables that keep the first bits, 0 to 8: ImageOps.posterize.

    No bits give a black image, as PIL did before its version 10 refused them.
    """
    return same_table(images) & ~(2 ** (8 - bits[:, None, None]) - 1)


def auto_contrast_table(images: UInt8[Array, "b r c k"]) -> Int[Array, "b k 256"]:
    """Returns the tables that stretch each channel to 0..255: ImageOps.autocontrast.

    Here the division is exact; PIL's is not, so that its 254 is at times our 255.
    """
    low, high = _low(images), 255 - _low(255 - images)
    stretched = (LEVELS - low) * 255 // jnp.maximum(high - low, 1)
    return jnp.where(high > low, jnp.clip(stretched, 0, 255), LEVELS)


def equalize_table(images: UInt8[Array, "b r c k"]) -> Int[Array, "b k 256"]:
    """Returns the tables that make all levels alike frequent: ImageOps.equalize."""
    counts = _histogram(images)
    last = 255 - _low(255 - images)
    total = images.shape[1] * images.shape[2]
    in_last = jnp.take_along_axis(counts, last, axis=-1)
    step = (total - in_last) // 255
    below = jnp.cumsum(counts, -1) - counts
    equal = jnp.clip((step // 2 + below) // jnp.maximum(step, 1), 0, 255)
    return jnp.where(step > 0, equal, LEVELS)


def _low(images: UInt8[Array, "b r c k"]) -> Int[Array, "b k 1"]:
    pixels = images.reshape(len(images), -1, images.shape[-1])
    return pixels.astype(jnp.int32).min(1)[:, :, None]


def _histogram(images: UInt8[Array, "b r c k"]) -> Int[Array, "b k 256"]:
    b, _, _, k = images.shape
    start = 256 * jnp.arange(b * k).reshape(b, 1, 1, k)
    index = images.astype(jnp.int32) + start
    counts = jnp.zeros(b * k * 256, jnp.int32).at[index.reshape(-1)].add(1)
    return counts.reshape(b, k, 256)
