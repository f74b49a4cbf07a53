"""Small warps: turned, stretched and moved at once, in one bilinear interpolation.

Axes: b batch, r rows, c columns, k channels.
"""

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float


def warp(
    images: Float[Array, "b r c k"],
    *,
    angle: Float[Array, " b"],
    stretch: Float[Array, "b 2"],
    move: Float[Array, "b 2"],
) -> Float[Array, "b r c k"]:
    """Returns images warped about their middle; what comes in from outside is black.

    Args:
      angle: radians.
      stretch: factors of rows and columns.
      move: by so many rows and columns, down and across.
    """
    _, rows, columns, _ = images.shape
    size = jnp.array([rows, columns])
    middle = (size - 1) / 2
    grid = jnp.stack(jnp.mgrid[:rows, :columns]) - middle[:, None, None]  # (2, r, c)

    def one(image: Array, angle: Array, stretch: Array, move: Array) -> Array:
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        turn = jnp.array([[cosine, -sine], [sine, cosine]]) * stretch[:, None]
        # In full: a TPU's default would round the coordinates to 8 bits.
        turned = jnp.einsum("ij,jrc->irc", turn, grid, precision="highest")
        y, x = turned + (middle + move)[:, None, None]
        sample = jax.vmap(
            lambda channel: map_coordinates(channel, [y, x], order=1, mode="constant"),
            in_axes=-1,
            out_axes=-1,
        )
        return sample(image)

    return jax.vmap(one)(images, angle, stretch, move)
