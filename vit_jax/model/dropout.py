"""Dropout: given rngs a tensor is dropped from, given none it is not.

Axes: b batch, t tokens, d embed_dim.
"""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.model.threefry import bernoulli

Rate = float | Float[Array, ""]


def dropout(
    x: Float[Array, "..."],
    rate: Rate,
    rngs: nnx.Rngs | None,
    *,
    shared_axes: tuple[int, ...] = (),
) -> Float[Array, "..."]:
    """Returns x with a share `rate` of its entries zero and the others / (1 - rate).

    Args:
      shared_axes: axes along which all entries share one draw.
    """
    if rngs is None or (isinstance(rate, float) and rate == 0):
        return x
    shape = [1 if axis in shared_axes else n for axis, n in enumerate(x.shape)]
    keep = bernoulli(rngs.dropout(), 1 - rate, tuple(shape))
    return jnp.where(keep, x / jnp.asarray(1 - rate, x.dtype), jnp.zeros((), x.dtype))


def drop_path(
    x: Float[Array, "b t d"], rate: Rate, rngs: nnx.Rngs | None
) -> Float[Array, "b t d"]:
    """Returns x with whole samples zero (stochastic depth, arXiv:1603.09382)."""
    return dropout(x, rate, rngs, shared_axes=(1, 2))
