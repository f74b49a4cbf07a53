"""Keeps a CPU from computing what it needs again for each of its uses."""

from typing import TypeVar

import jax

T = TypeVar("T")


def once(value: T) -> T:
    """Returns a value; on a CPU it is computed whole before it is used.

    XLA fuses what is used into its users. On a GPU that is wanted: nothing goes to
    memory. On a CPU a bicubic tap is computed again for each of its uses, and the whole
    takes three times as long.
    """
    return jax.lax.platform_dependent(
        value, cpu=jax.lax.optimization_barrier, default=lambda x: x
    )
