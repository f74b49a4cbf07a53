"""Random erasing: rectangles of an image are filled, as timm's RandomErasing.

Axes: b batch, r rows, c columns, k channels, n rectangles an image, a attempts.

Source: Zhong et al. 2020 (arXiv:1708.04896); timm 1.0.31, timm/data/random_erasing.py.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Integer, PRNGKeyArray

from vit_jax.train.augment.config import EraseMode
from vit_jax.train.augment.draw import between, uniform, whole

ATTEMPTS = 10
AREA = (0.02, 1 / 3)
LOG_ASPECT = (float(np.log(0.3)), float(np.log(1 / 0.3)))


def draw_boxes(
    key: PRNGKeyArray,
    positions: Integer[Array, " b"],
    *,
    prob: float,
    count: int,
    size: tuple[int, int],
) -> Int[Array, "b n 4"]:
    """Returns rectangles to erase: top, left, rows and columns; 0 rows for none."""
    chance, number = uniform(key, positions, 2).T
    numbers = uniform(jax.random.fold_in(key, 1), positions, count * (ATTEMPTS * 2 + 2))
    numbers = numbers.reshape(-1, count, ATTEMPTS * 2 + 2)
    area = between(numbers[..., :ATTEMPTS], *AREA)
    aspect = jnp.exp(between(numbers[..., ATTEMPTS:-2], *LOG_ASPECT))
    counts = jnp.where(chance <= prob, 1 + whole(number, count), 0)
    return fit_boxes(area, aspect, numbers[..., -2:], counts, size=size)


def fit_boxes(
    area: Float[Array, "b n a"],
    aspect: Float[Array, "b n a"],
    place: Float[Array, "b n 2"],
    counts: Int[Array, " b"],
    *,
    size: tuple[int, int],
) -> Int[Array, "b n 4"]:
    """Returns the first attempt at each rectangle that is smaller than the image.

    Args:
      area: shares of the image, which an image's rectangles divide among them.
      aspect: rows to columns.
      place: where, from 0 to below 1 of the places there are.
      counts: rectangles of each image, up to n.
    """
    rows, columns = size
    area = area * (rows * columns) / jnp.maximum(counts, 1)[:, None, None]
    r = jnp.round(jnp.sqrt(area * aspect)).astype(jnp.int32)
    c = jnp.round(jnp.sqrt(area / aspect)).astype(jnp.int32)
    fits = (r < rows) & (c < columns)
    first = jnp.argmax(fits, axis=-1, keepdims=True)
    r, c = (jnp.take_along_axis(side, first, axis=-1)[..., 0] for side in (r, c))
    wanted = jnp.arange(area.shape[1])[None] < counts[:, None]
    r = jnp.where(wanted & fits.any(-1), r, 0)
    top = whole(place[..., 0], rows - r + 1)
    left = whole(place[..., 1], columns - c + 1)
    return jnp.stack([top, left, r, c], -1)


def draw_noise(
    key: PRNGKeyArray,
    positions: Integer[Array, " b"],
    *,
    mode: EraseMode,
    count: int,
    shape: tuple[int, int, int],
) -> Float[Array, "b n #r #c k"]:
    """Returns what fills the rectangles, in deviations from the mean.

    const: zeros; rand: a normal number a channel; pixel: one a channel and pixel.

    Args:
      shape: rows, columns and channels.
    """
    if mode == "const":
        return jnp.zeros((len(positions), count, 1, 1, shape[-1]))
    # One field of noise serves all rectangles of an image: where two lie on each other
    # only one is seen.
    each = (1, *shape) if mode == "pixel" else (count, 1, 1, shape[-1])

    def one(position: Array) -> Array:
        return jax.random.normal(jax.random.fold_in(key, position), each)

    noise = jax.vmap(one)(positions)
    return jnp.broadcast_to(noise, (len(positions), count, *noise.shape[2:]))


def erase(
    images: Float[Array, "b r c k"],
    boxes: Int[Array, "b n 4"],
    fill: Float[Array, "b n #r #c #k"],
) -> Float[Array, "b r c k"]:
    """Returns images with their rectangles filled, the later over the earlier."""
    for i in range(boxes.shape[1]):
        inside = in_boxes(boxes[:, i], size=images.shape[1:3])
        images = jnp.where(inside, fill[:, i], images)
    return images


def in_boxes(
    boxes: Int[Array, "b 4"], *, size: tuple[int, ...]
) -> Bool[Array, "b r c 1"]:
    """Returns which pixels lie in boxes of top, left, rows and columns."""
    top, left, rows, columns = boxes.T[:, :, None, None, None]  # each (b, 1, 1, 1)
    y = jnp.arange(size[0])[None, :, None, None]
    x = jnp.arange(size[1])[None, None, :, None]
    return (y >= top) & (y < top + rows) & (x >= left) & (x < left + columns)
