"""Random bits that fuse with what uses them.

They are those of `jax.random.bits`, by the same cipher (Threefry-2x32 of 20 rounds,
Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011). JAX calls it as
an operation of its own, on CPU as a loop over whole arrays and on a GPU as one kernel
that writes them out; written as arithmetic it is compiled into the mask of a dropout.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Key, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def bernoulli(
    key: Key[Array, ""], p: float | Array, shape: tuple[int, ...]
) -> Bool[Array, "..."]:
    """Returns true with probability p, as `jax.random.bernoulli` does, to the bit."""
    return to_unit(random_bits(key, shape)) < p


def to_unit(bits: UInt32[Array, "*s"]) -> Float[Array, "*s"]:
    """Returns float32 numbers from 0 to below 1, as `jax.random.uniform` makes them."""
    # 23 of the bits behind the exponent of 1: from 1 to below 2.
    drawn = (bits >> 9) | jnp.uint32(0x3F800000)
    return lax.bitcast_convert_type(drawn, jnp.float32) - 1


def random_bits(key: Key[Array, ""], shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """Returns `jax.random.bits(key, shape)`.

    Args:
      key: a threefry key, JAX's default kind.
      shape: of fewer than 2^32 numbers.
    """
    if math.prod(shape) >= 2**32 or jax.random.key_impl(key) != "threefry2x32":
        return jax.random.bits(key, shape)
    count = lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    first, second = _encrypt(jax.random.key_data(key), jnp.zeros_like(count), count)
    return first ^ second


def _encrypt(
    key: UInt32[Array, "2"], x: UInt32[Array, "..."], y: UInt32[Array, "..."]
) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    keys = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    x, y = x + keys[0], y + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = x + y
            y = x ^ ((y << rotation) | (y >> (32 - rotation)))
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + jnp.uint32(group + 1)
    return x, y
