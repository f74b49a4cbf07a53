"""Bytes of a file as arrays, and arrays as the bytes that go into one."""

import math
from collections.abc import Callable, Iterable
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vit_jax.weights.formats.damage import Damage

Bytes = NDArray[np.uint8]
# Its bytes fit into 64 bits, whatever the dtype.
MAX_NUMBER = 2**56
Progress = Callable[[int], None]
"""Told the bytes of each tensor when it is written."""


def map_file(path: Path) -> Bytes:
    """Returns a file's bytes, read-only and mapped: what is not used is never read."""
    if not path.stat().st_size:
        raise Damage("it is empty")
    return np.asarray(np.memmap(path, np.uint8, "r"))


def shape_of(value: Any) -> tuple[int, ...]:
    """Returns a shape, or strides, that a file claims.

    Raises:
      Damage: it is none, or so large that numpy's arithmetic would overflow.
    """
    if not isinstance(value, (tuple, list)):
        raise Damage(f"it has a {type(value).__name__} where a shape belongs")
    shape = tuple(cast(list[Any], value))
    if len(shape) > 64 or not all(
        type(n) is int and 0 <= n < MAX_NUMBER for n in shape
    ):
        raise Damage("it has a shape or strides that are no numbers of elements")
    if math.prod(n for n in shape if n) >= MAX_NUMBER:
        raise Damage("it has a shape of more elements than there is memory")
    return shape


def view_as(
    data: Bytes, dtype: np.dtype[Any], shape: Iterable[int], *, order: str = "C"
) -> NDArray[Any]:
    """Returns the start of some bytes as an array, without a copy."""
    shape = shape_of(tuple(shape))
    size = math.prod(shape) * dtype.itemsize
    if size > len(data):
        raise Damage(f"a tensor of shape {shape} takes {size} bytes of {len(data)}")
    return data[:size].view(dtype).reshape(shape, order="F" if order == "F" else "C")


def write_raw(file: BufferedIOBase, array: NDArray[Any]) -> int:
    """Returns the bytes written of an array, in C order; copies only if it must."""
    whole = np.ascontiguousarray(array).reshape(-1)
    return file.write(whole.view(np.uint8).data)
