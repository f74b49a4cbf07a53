"""Ctrl-C and SIGTERM: the step is finished and saved before the program goes."""

import os
import signal
import threading
from types import FrameType


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
        self.number: int | None = None

    def __enter__(self) -> "InterruptGuard":
        self.before = {}
        if threading.current_thread() is threading.main_thread():
            self.before = {n: signal.signal(n, self._handle) for n in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.number is not None:
            os._exit(128 + number)
        self.number = number
