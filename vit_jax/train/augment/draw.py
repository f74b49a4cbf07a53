"""Random numbers: each a function of a key and a position in the batch alone.

Axes: b batch, n numbers an image.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer, PRNGKeyArray
from scipy.special import betaincinv

from vit_jax.model.threefry import to_unit


def uniform(
    key: PRNGKeyArray, positions: Integer[Array, " b"], count: int
) -> Float[Array, "b {count}"]:
    """Returns numbers from 0 to below 1, the same for an image in any split of a batch.

    They are those of `jax.random.uniform(key, (batch, count))`, whose i-th number is
    likewise made of `fold_in(key, i)`.

    Args:
      positions: of the images in the global batch.
    """
    index = positions[:, None] * count + jnp.arange(count)[None]  # (b, n)
    fold = jax.vmap(jax.vmap(lambda i: jax.random.fold_in(key, i)))
    words = jax.random.key_data(fold(index))  # (b, n, 2)
    return to_unit(words[..., 0] ^ words[..., 1])


def between(numbers: Float[Array, "*s"], low: float, high: float) -> Float[Array, "*s"]:
    """Returns numbers from 0 to 1 stretched over a range, as `jax.random.uniform`."""
    return jnp.maximum(low, numbers * (high - low) + low)


def whole(numbers: Float[Array, "*s"], count: Array | int) -> Int[Array, "*s"]:
    """Returns 0 to count - 1, each alike."""
    return jnp.floor(numbers * count).astype(jnp.int32)


def normal(numbers: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Returns the standard normal quantiles of numbers from 0 to 1."""
    # Half a step up: the quantile of 0 itself is infinite.
    return jnp.sqrt(2.0) * jax.lax.erf_inv(2 * numbers - (1 - 2**-23))


def beta(numbers: Float[Array, "*s"], alpha: float) -> Float[Array, "*s"]:
    """Returns the quantiles of Beta(alpha, alpha), within 1e-3.

    A table of them: the loops of jax.random.beta cost 2.8 of the 9.0 seconds that the
    digits recipe's step took to compile.
    """
    levels = np.linspace(0, 1, 4097)
    quantiles = jnp.asarray(betaincinv(alpha, alpha, levels), jnp.float32)
    return jnp.interp(numbers, levels, quantiles)
