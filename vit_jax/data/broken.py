"""Images that cannot be decoded: counted, named, and too many of them stop the run.

Axes: b batch.
"""

import math
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Int64

from vit_jax.data.order import SUBSTITUTE, random_numbers
from vit_jax.errors import InputError, InputWarning

NAMED = 10
TRIES = 100


def substitutes(seed: int, epoch: int, index: int, length: int) -> Iterator[int]:
    """Yields the images that may stand in for a broken one, the first whole one does.

    Raises:
      InputError: there was no whole one among a hundred.
    """
    rng = random_numbers(seed, epoch, index, purpose=SUBSTITUTE)
    yield from rng.integers(length, size=TRIES).tolist()
    raise InputError(
        f"{TRIES} images drawn at random of {length:,} could none be decoded. Is this a"
        " collection of image files?"
    )


class BrokenImages:
    """Which images of a source were found broken. Each counts once."""

    def __init__(
        self, length: int, describe: Callable[[int], str], *, max_broken: float
    ) -> None:
        """Starts with none.

        Args:
          length: of the source.
          describe: returns an image's name and what is wrong with it.
          max_broken: the largest share that may be; 0 stops at the first.
        """
        if not 0 <= max_broken <= 1:
            raise InputError(f"max_broken={max_broken}; a share is from 0 to 1.")
        self._length, self._describe, self._max_broken = length, describe, max_broken
        self._found: dict[int, None] = {}
        self._seen = 0

    def __len__(self) -> int:
        return len(self._found)

    @property
    def indices(self) -> tuple[int, ...]:
        """Of the broken images, as they were found."""
        return tuple(self._found)

    def see(
        self, index: Int64[np.ndarray, " b"], broken: Bool[np.ndarray, " b"]
    ) -> None:
        """Takes note of a batch.

        Raises:
          InputError: too many images are broken.
        """
        self._seen += len(np.unique(index[index >= 0]))  # copies of one count once
        if not broken.any():
            return
        met = dict.fromkeys(index[broken].tolist())
        new = [i for i in met if i not in self._found]
        for i in new:
            self._found[i] = None
            if self._max_broken and len(self._found) <= NAMED:
                last = ": from here on they are counted, not named"
                warnings.warn(
                    f"an image cannot be decoded and is left out: {self._describe(i)}"
                    f"{last if len(self._found) == NAMED else ''}",
                    InputWarning,
                    stacklevel=2,
                )
            if self._are_too_many():
                raise InputError(self._complain())

    def _are_too_many(self) -> bool:
        """Tells whether the set, or surely what was seen of it, is worse than allowed.

        Of what was seen three standard deviations are taken off: that two of the first
        hundred images are broken says little about the rest.
        """
        found = len(self._found)
        surely = found - 3 * math.sqrt(found)
        seen = min(self._seen, self._length)
        return found > self._max_broken * self._length or (
            surely > self._max_broken * seen
        )

    def _complain(self) -> str:
        found = len(self._found)
        named = [f"  {self._describe(i)}" for i in list(self._found)[:NAMED]]
        more = [f"  and {found - NAMED} more"] if found > NAMED else []
        seen = f"{min(self._seen, self._length):,} seen of {self._length:,}"
        head = (
            f"{found} of the images cannot be decoded ({seen}), more than"
            f" max_broken={self._max_broken:g} allows:"
        )
        mend = "Mend them or take them away, or set max_broken to a larger share."
        return "\n".join([head, *named, *more, mend])
