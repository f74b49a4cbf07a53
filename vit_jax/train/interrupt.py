"""Ctrl-C and SIGTERM: the step is finished and saved before the program goes."""

import collections
import os
import signal
import threading
from types import FrameType

import jax


class Interrupted(Exception):
    """A run was stopped by a signal, and everything it had done is saved."""

    def __init__(self, number: int, step: int):
        name = signal.Signals(number).name
        super().__init__(
            f"stopped by {name} at step {step}; everything is saved. Start the same"
            " command again to go on."
        )
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 + the signal's number: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


class InterruptGuard:
    """While it is entered, the first SIGINT or SIGTERM is kept in `number`.

    A second one ends the process at once. Outside the main thread, where Python lets
    nobody handle signals, it does nothing.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.number = 0
        """Of the signal; 0 before there was one."""

    def __enter__(self) -> "InterruptGuard":
        self.before = {}
        if threading.current_thread() is threading.main_thread():
            self.before = {n: signal.signal(n, self._handle) for n in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.number:
            os._exit(128 + number)
        self.number = number


class Agreement:
    """Which signal stops a run, decided by all its processes behind the same step.

    Each process's signal travels with its batch, and the step takes the largest. What
    it took is read some steps later, when it is long computed: nothing waits for it.
    """

    LATER = 4

    def __init__(self, guard: InterruptGuard) -> None:
        self.guard = guard
        self.asked: collections.deque[jax.Array] = collections.deque()

    def decide(self, stop: jax.Array) -> int:
        """Returns the signal that stops the run behind this step; 0 for none.

        Args:
          stop: the largest number of all processes' signals in this step.
        """
        if jax.process_count() == 1:
            return self.guard.number
        self.asked.append(stop)
        return int(self.asked.popleft()) if len(self.asked) > self.LATER else 0
