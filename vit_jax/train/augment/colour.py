"""Colour: blends with a plainer image, as PIL's ImageEnhance; grey; hue.

Axes: b batch, r rows, c columns, k channels.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt8


def enhance(
    plain: Int[Array, "b #r #c #k"],
    images: UInt8[Array, "b r c k"],
    factor: Float[Array, " b"],
) -> UInt8[Array, "b r c k"]:
    """Returns images pushed away from plainer ones: PIL's Image.blend.

    Args:
      plain: black for brightness, the mean grey for contrast, `grey` for colour,
        `smooth` for sharpness.
      factor: 0 gives the plain image, 1 the image, more exaggerates it.
    """
    far = (images.astype(jnp.int32) - plain).astype(jnp.float32)
    mixed = plain.astype(jnp.float32) + factor[:, None, None, None] * far
    return jnp.clip(mixed, 0, 255).astype(jnp.uint8)


def black(images: UInt8[Array, "b r c k"]) -> Int[Array, "b 1 1 1"]:
    """Returns the plain image of ImageEnhance.Brightness."""
    return jnp.zeros((len(images), 1, 1, 1), jnp.int32)


def grey(images: UInt8[Array, "b r c k"]) -> Int[Array, "b r c 1"]:
    """Returns the brightness of each pixel: PIL's convert("L"), bit for bit."""
    if images.shape[-1] == 1:
        return images.astype(jnp.int32)
    weights = jnp.array([19595, 38470, 7471])[None, None, None]
    return (images.astype(jnp.int32) * weights).sum(-1, keepdims=True) + 0x8000 >> 16


def mean_grey(images: UInt8[Array, "b r c k"]) -> Int[Array, "b 1 1 1"]:
    """Returns the mean brightness, rounded: ImageEnhance.Contrast's plain image."""
    count = images.shape[1] * images.shape[2]
    return (2 * grey(images).sum((1, 2), keepdims=True) + count) // (2 * count)


def smooth(images: UInt8[Array, "b r c k"]) -> Int[Array, "b r c k"]:
    """Returns PIL's ImageFilter.SMOOTH: 3x3 means with a five-fold centre, rim kept."""
    i = images.astype(jnp.int32)
    if min(i.shape[1:3]) < 3:
        return i
    lines = i[:, :-2] + i[:, 1:-1] + i[:, 2:]
    total = lines[:, :, :-2] + lines[:, :, 1:-1] + lines[:, :, 2:]
    # A sum over 13 is never a half: whole numbers round as PIL's floats do.
    inner = (2 * (total + 4 * i[:, 1:-1, 1:-1]) + 13) // 26
    return i.at[:, 1:-1, 1:-1].set(inner)


def turn_hue(
    images: UInt8[Array, "b r c k"], factor: Float[Array, " b"]
) -> UInt8[Array, "b r c k"]:
    """Returns images of other hues: torchvision's adjust_hue on PIL images.

    Hue and saturation are cut off to 8 bits, as PIL does. Where a hue is whole, PIL's
    floats may cut off one step more (0.5 % of pixels, by up to 6 grey levels in one
    channel). Images of one channel stay.

    Args:
      factor: share of a turn, -0.5 to 0.5.
    """
    if images.shape[-1] == 1:
        return images
    hue, saturation, value = _to_hsv(images)
    # Cut off towards zero, then round the circle of 256.
    turn = jnp.trunc(factor * 255).astype(jnp.int32)[:, None, None]
    return _to_rgb((hue + turn) % 256, saturation, value)


def _to_hsv(images: UInt8[Array, "b r c 3"]) -> tuple[Array, Array, Array]:
    r, g, b = (images[..., k].astype(jnp.int32) for k in range(3))
    high = jnp.maximum(jnp.maximum(r, g), b)
    span = high - jnp.minimum(jnp.minimum(r, g), b)
    # Six sectors of `span` steps each.
    sector = jnp.where(
        r == high, g - b, jnp.where(g == high, 2 * span + b - r, 4 * span + r - g)
    )
    sector = jnp.where(sector < 0, sector + 6 * span, sector)
    hue = _divide(255 * sector, jnp.maximum(6 * span, 1))
    saturation = _divide(255 * span, jnp.maximum(high, 1))
    return hue, saturation, high


def _divide(a: Array, b: Array) -> Array:
    """Returns a // b for whole numbers from 0 to 2**22 and a quotient below 2**9.

    In floats, of which a CPU divides several at once; the half keeps whole quotients.
    """
    return ((a.astype(jnp.float32) + 0.5) / b.astype(jnp.float32)).astype(jnp.int32)


def _to_rgb(hue: Array, saturation: Array, value: Array) -> UInt8[Array, "b r c 3"]:
    sector = jax.lax.div(6 * hue, 255)
    part = 6 * hue - 255 * sector
    p, q, t = (
        jax.lax.div(2 * value * (65025 - saturation * share) + 65025, 130050)
        for share in (255, part, 255 - part)
    )
    orders = {
        0: (value, t, p),  # also of sector 6, a full turn
        1: (q, value, p),
        2: (p, value, t),
        3: (p, q, value),
        4: (t, p, value),
        5: (value, p, q),
    }
    rgb = [
        jnp.select(
            [sector == s for s in (1, 2, 3, 4, 5)],
            [orders[s][k] for s in (1, 2, 3, 4, 5)],
            orders[0][k],
        )
        for k in range(3)
    ]
    return jnp.stack(rgb, -1).astype(jnp.uint8)
