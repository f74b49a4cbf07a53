"""The steps that wait for the device, and when each was seen to be done."""

import collections
import math
import time
from collections.abc import Sequence
from typing import Any

import jax


class Pace:
    """At most so many steps wait for the device; the time from one to the next is kept.

    A step is seen to be done when the loop waits for it, which it does when too many
    are on their way. The times so tell how fast the run moves, whether devices, data or
    the loop set the pace, and take no further waiting.

    Args:
      most: steps that wait, each with its batch in memory.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        # Any: jax.Array's type does not tell of is_ready().
        self.waiting: collections.deque[Any] = collections.deque()
        self.restart()

    def restart(self) -> None:
        """Forgets the times: what came before is not training."""
        self.seconds: list[float] = []
        self.last = time.perf_counter()

    def add(self, result: jax.Array) -> None:
        """Adds a step that was sent, and waits for the oldest if there are too many."""
        self.waiting.append(result)
        if len(self.waiting) > self.most:
            self._see()

    def is_busy(self) -> bool:
        """Returns whether the devices have a step to work on."""
        return bool(self.waiting) and not self.waiting[-1].is_ready()

    def drain(self) -> None:
        """Waits for all steps."""
        while self.waiting:
            self._see()

    def _see(self) -> None:
        jax.block_until_ready(self.waiting.popleft())
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.last = now


def find_percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Returns `step_seconds_p50`, `_p90`, `_p99` and `_max`: times that were measured.

    Each is the least that so many percent of the times do not exceed.
    """
    if not seconds:
        return {}
    up = sorted(seconds)
    ranks = {f"p{p}": math.ceil(p / 100 * len(up)) - 1 for p in (50, 90, 99)}
    return {f"step_seconds_{n}": up[i] for n, i in {**ranks, "max": -1}.items()}
