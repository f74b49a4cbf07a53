"""What the processes of one run tell each other, so that all decide alike."""

from collections.abc import Callable

import jax
import numpy as np
from jax.experimental import multihost_utils

LONGEST = 2000
"""Bytes of what is told; the rest is cut off."""


def agree(text: str) -> str:
    """Returns what the first process with something to say says, in every process.

    Every process calls it, and waits for the others.
    """
    if jax.process_count() == 1:
        return text
    row = np.zeros(LONGEST, np.uint8)
    said = np.frombuffer(text.encode()[:LONGEST], np.uint8)
    row[: said.size] = said
    rows = np.asarray(multihost_utils.process_allgather(row))
    texts = (bytes(r).rstrip(b"\0").decode(errors="ignore") for r in rows)
    return next((t for t in texts if t), "")


def once(action: Callable[[], None]) -> None:
    """Runs an action in one process only, while the others wait.

    Raises:
      OSError: it raised one, in every process.
    """
    failure = ""
    if is_first():
        try:
            action()
        except OSError as error:
            failure = str(error) or type(error).__name__
    if failure := agree(failure):
        raise OSError(failure)


def is_first() -> bool:
    """Returns whether this is the process that does what is done once."""
    return jax.process_index() == 0
