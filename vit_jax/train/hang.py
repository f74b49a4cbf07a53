"""A hang detector: a run that stands still says where, and ends."""

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Generator
from pathlib import Path

EXIT_CODE = 70
# What a run is at, by the phase that its goodput counts.
PLACES = {
    "data": "waiting for data",
    "compile": "taking the step",
    "steps": "taking the step",
    "evaluation": "evaluating",
    "save": "saving",
}


class HangDetector:
    """Ends the process with exit code 70 when nothing has moved for some seconds.

    What moves says so with `at` or `place`. The time that the whole process is stopped
    for does not count.
    """

    def __init__(self, seconds: float, file: Path):
        """Makes a detector that does nothing until it is entered.

        Args:
          seconds: of standing still; 0 switches it off.
          file: where the Python stacks of all threads are written.
        """
        self._seconds, self._file = seconds, file
        self._now: tuple[str, int] = ("starting", 0)
        self._over = threading.Event()

    def at(self, place: str, step: int) -> None:
        """Says what the run is at; that is a movement."""
        self._now = (place, step)

    @contextlib.contextmanager
    def place(self, place: str) -> Generator[None]:
        """Says what the run is at within this step, and before and after it."""
        before, step = self._now
        self._now = (place, step)
        try:
            yield
        finally:
            self._now = (before, step)

    def __enter__(self) -> "HangDetector":
        if self._seconds:
            self._over.clear()
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        tick = min(self._seconds / 4, 5.0)
        seen, still = self._now, 0.0
        while not self._over.wait(tick):
            # Each movement is a new tuple, so that the same words twice are two.
            still = still + tick if self._now is seen else 0.0
            seen = self._now
            if still >= self._seconds:
                self._end(seen, still)

    def _end(self, now: tuple[str, int], still: float) -> None:
        place, step = now
        try:
            with self._file.open("w") as file:
                faulthandler.dump_traceback(file=file, all_threads=True)
            told = f"the stacks of all threads lie in {self._file}"
        except OSError as error:
            told = f"the stacks of all threads could not be written ({error})"
        print(  # noqa: T201
            f"vit-jax: error: nothing has moved for {still:.0f} s: {place}, step"
            f" {step}; {told}.",
            file=sys.stderr,
            flush=True,
        )
        os._exit(EXIT_CODE)
