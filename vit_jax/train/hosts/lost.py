"""A process of the run is lost: the others learn of it, and end."""

import atexit
import os
import sys
import threading
import time


class LostError(RuntimeError):
    """Another process of the run is gone, so this one cannot go on."""


class Loss:
    """Who was lost, once that is known: the first counts.

    From then on the program has `GRACE` seconds to come to an end by itself, which one
    that waits for the lost process in a collective never does; then it is ended, with
    the message, and exit code 1.
    """

    GRACE = 5.0
    """Seconds from the loss to the end."""
    LEAVING = 15.0
    """Seconds that clearing up may take after an error has been told."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._error: LostError | None = None
        self._leaving = False

    def tell(self, what: str) -> None:
        """Says who was lost, and how it is known."""
        with self._changed:
            if self._error or self._leaving:
                return
            self._error = LostError(
                f"{what}. So this process stops too; start all of them again to go on"
                " from the last checkpoint."
            )
            self._changed.notify_all()
        threading.Thread(target=self._end_stuck, daemon=True).start()

    def wait(self, seconds: float) -> LostError | None:
        """Returns the loss, as soon as there is one; None if there is none by then."""
        with self._changed:
            self._changed.wait_for(lambda: self._error, seconds)
            return self._error

    def leave(self) -> None:
        """Says that the program comes to its end: nothing is told from now on."""
        with self._changed:
            self._leaving = True

    def _end_stuck(self) -> None:
        time.sleep(self.GRACE)
        with self._changed:
            if self._leaving:
                return
        print(f"vit-jax: error: {self._error}", file=sys.stderr, flush=True)  # noqa: T201
        _end(1)


def end_at_exit(code: int) -> None:
    """Makes the program end with an exit code as soon as it has nothing more to say.

    JAX's runtime would wait minutes for the other processes first, and then abort.
    """
    atexit.register(_end, code)

    def end_late() -> None:
        time.sleep(Loss.LEAVING)
        _end(code)

    threading.Thread(target=end_late, daemon=True).start()


def _end(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # a closed pipe
            continue
    os._exit(code)
