"""Hashes of a state, computed where it lives: equal bits give equal hashes.

They do not depend on the mesh, cost one read of the state, and only the hashes
themselves travel to the host.
"""

import functools
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped, UInt32

from vit_jax.arrays import by_path

SALTS = (0x9E3779B9, 0x85EBCA6B)


def fingerprint(tree: Any) -> dict[str, str]:
    """Returns 16 hexadecimal digits for each array of a pytree, by its path.

    Each number's bits are mixed with its place, and the sum of all is the hash: any
    change of one number is seen, and of several with a chance of error of 2**-64.
    """
    leaves = by_path(tree)
    # Leaf by leaf: states have few shapes, so that little is compiled.
    hashes = jax.device_get([_hash(leaf) for leaf in leaves.values()])
    return {
        path: "".join(f"{int(word):08x}" for word in words)
        for path, words in zip(leaves, hashes, strict=True)
    }


def whole_hash(hashes: dict[str, str]) -> str:
    """Returns one hash of the hashes of all parts."""
    lines = "".join(f"{name} {value}\n" for name, value in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]


@jax.jit
def _hash(x: Shaped[Array, "..."]) -> UInt32[Array, "2"]:
    bits = _bits(x)
    place = functools.reduce(
        lambda place, axis: (
            place * np.uint32(bits.shape[axis])
            + jax.lax.broadcasted_iota(jnp.uint32, bits.shape, axis)
        ),
        range(bits.ndim),
        jnp.zeros(bits.shape, jnp.uint32),
    )
    return jnp.stack(
        [
            jnp.sum(_mix(bits ^ _mix(place + np.uint32(salt))), dtype=jnp.uint32)
            for salt in SALTS
        ]
    )


def _bits(x: Shaped[Array, "..."]) -> UInt32[Array, "..."]:
    """Returns the bits of each number; of those wider than 32, two numbers."""
    if x.dtype == jnp.bool_:
        return x.astype(jnp.uint32)
    width = jnp.dtype(x.dtype).itemsize
    unsigned = {1: jnp.uint8, 2: jnp.uint16}.get(width, jnp.uint32)
    return jax.lax.bitcast_convert_type(x, unsigned).astype(jnp.uint32)


def _mix(x: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """Returns numbers each bit of which depends on all bits (murmur3's finaliser)."""
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
