"""Memory that processes share, through which large arrays go without being pickled."""

import multiprocessing
from typing import Any, NamedTuple

import numpy as np

SMALL = 2**16  # bytes, which are quicker pickled


class _Placed(NamedTuple):
    """Where an array lies in the shared memory."""

    start: int
    shape: tuple[int, ...]
    dtype: str


class Slots:
    """Room for the results that are under way, each in a slot of its own.

    Result i is in slot i modulo their number, so a slot must be emptied before its next
    result is begun. What finds no room is pickled.
    """

    def __init__(self, count: int, size: int) -> None:
        """Takes count x size bytes, in /dev/shm or, where that is small, in a file."""
        self._count, self._size = count, size
        context = multiprocessing.get_context("spawn")
        self._memory = context.RawArray("B", count * size)

    def put(self, number: int, result: dict[str, Any]) -> dict[str, Any]:
        """Returns a result with its large arrays left in the slot."""
        memory = np.frombuffer(self._memory, np.uint8)
        start = number % self._count * self._size
        end, light = start + self._size, dict(result)
        for key, array in result.items():
            if SMALL <= array.nbytes <= end - start:
                flat = np.ascontiguousarray(array).reshape(-1)
                memory[start : start + array.nbytes] = flat.view(np.uint8)
                light[key] = _Placed(start, array.shape, array.dtype.str)
                start += array.nbytes
        return light

    def take(self, light: dict[str, Any]) -> dict[str, Any]:
        """Returns the whole result, copied out of the slot."""
        result = dict(light)
        for key, placed in light.items():
            if isinstance(placed, _Placed):
                array = np.ndarray(
                    placed.shape, placed.dtype, self._memory, placed.start
                )
                result[key] = array.copy()
        return result
