"""Which images make up a batch: functions of seed, epoch and place, never carried.

Axes: b batch.
"""

import dataclasses
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64
from numpy.typing import NDArray

from vit_jax.data.repeats import repeated_places
from vit_jax.errors import InputError

# What random numbers are drawn for: the draws of one never are those of another.
ORDER, TRANSFORM, SUBSTITUTE = range(3)


def random_numbers(
    seed: int, epoch: int, index: int, *, purpose: int, copy: int = 0
) -> np.random.Generator:
    """Returns the random numbers of one copy of an image in one epoch."""
    key = np.array([seed, epoch], np.uint64)
    counter = np.array([0, copy, purpose, index], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


@dataclasses.dataclass(frozen=True)
class Shard:
    """The part of every batch that one process makes: rows that follow each other."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise InputError(
                f"there is no shard {self.index} of {self.count}: the first is 0."
            )

    def rows(self, batch_size: int) -> tuple[int, int]:
        """Returns the first row of a global batch, and how many there are.

        Raises:
          InputError: the batch does not divide over the processes.
        """
        if batch_size % self.count:
            raise InputError(
                f"a batch of {batch_size} does not divide over {self.count} processes:"
                f" choose a multiple of {self.count}."
            )
        size = batch_size // self.count
        return self.index * size, size


class Places(NamedTuple):
    """What a batch is made of."""

    epochs: Int64[np.ndarray, " b"]
    indices: Int64[np.ndarray, " b"]
    """Of the image in its source; -1 where the batch is only filled up."""
    copies: Int64[np.ndarray, " b"]
    """Which of the image's repeats in the epoch; 0 for the first."""


@runtime_checkable
class Plan(Protocol):
    """The places of every batch."""

    @property
    def seed(self) -> int:
        """Of the images' random numbers."""
        ...

    @property
    def num_batches(self) -> int | None:
        """None where they never end."""
        ...

    @property
    def rows(self) -> int:
        """Of each batch, in this process."""
        ...

    def __call__(self, number: int) -> Places: ...


@dataclasses.dataclass(frozen=True)
class Shuffled:
    """Every image once an epoch, each epoch in an order of its own, without end.

    With repeats an epoch takes one image in `repeats`, so many times in a row.
    """

    length: int
    batch_size: int
    """Of all processes together."""
    seed: int
    shard: Shard = Shard()
    repeats: int = 1

    num_batches = None

    def __post_init__(self) -> None:
        self.shard.rows(self.batch_size)  # raises where that does not divide
        if self.repeats < 1:
            raise InputError(f"repeats={self.repeats}; at least 1, for no repeats.")
        if self.repeats > max(1, self.length):
            raise InputError(
                f"repeats={self.repeats} of {self.length} images: an epoch has as many"
                " places as there are images, too few for one to come so often. Choose"
                f" at most {self.length}."
            )

    @property
    def rows(self) -> int:
        return self.shard.rows(self.batch_size)[1]

    def __call__(self, number: int) -> Places:
        first, rows = self.shard.rows(self.batch_size)
        place = number * self.batch_size + first + np.arange(rows, dtype=np.int64)
        epoch, within, copy = repeated_places(
            place, length=self.length, repeats=self.repeats
        )
        index = np.empty_like(within)
        for each in np.unique(epoch).tolist():
            chosen = epoch == each
            index[chosen] = permute(within[chosen], self.length, self.seed, each)
        return Places(epoch, index, copy)


@dataclasses.dataclass(frozen=True)
class InTurn:
    """Every image once, in order; the last batch is filled up."""

    length: int
    batch_size: int
    """Of all processes together, each of which has the same number of batches."""
    shard: Shard = Shard()

    seed = 0

    def __post_init__(self) -> None:
        self.shard.rows(self.batch_size)  # raises where that does not divide

    @property
    def num_batches(self) -> int:
        return -(-self.length // self.batch_size)

    @property
    def rows(self) -> int:
        return self.shard.rows(self.batch_size)[1]

    def __call__(self, number: int) -> Places:
        first, rows = self.shard.rows(self.batch_size)
        place = number * self.batch_size + first + np.arange(rows, dtype=np.int64)
        index = np.where(place < self.length, place, -1)
        return Places(np.zeros_like(index), index, np.zeros_like(index))


def permute(
    places: Int64[np.ndarray, " b"], length: int, seed: int, epoch: int
) -> Int64[np.ndarray, " b"]:
    """Returns where a random permutation of range(length) sends places.

    A cipher on the numbers of as many bits as length has (an unbalanced Feistel network
    of 12 rounds), walked on from a number that is not below length: no table, so a set
    of billions costs what a small one does.

    Source: Black and Rogaway 2002, Ciphers with arbitrary finite domains, section 5.
    """
    bits = max(2, (length - 1).bit_length())
    keys = random_numbers(seed, epoch, 0, purpose=ORDER).integers(
        2**64, size=12, dtype=np.uint64
    )
    values = places.astype(np.uint64)
    outside = np.arange(len(values))
    while len(outside):
        values[outside] = _encipher(values[outside], bits, keys)
        outside = outside[values[outside] >= length]
    return values.astype(np.int64)


def _encipher(
    values: NDArray[np.uint64], bits: int, keys: NDArray[Any]
) -> NDArray[np.uint64]:
    low_bits = np.uint64(bits // 2)
    high_bits = np.uint64(bits) - low_bits
    one = np.uint64(1)
    low, high = values & ((one << low_bits) - one), values >> low_bits
    for i in range(0, len(keys), 2):
        high = high ^ (_mix(low ^ keys[i]) >> (np.uint64(64) - high_bits))
        low = low ^ (_mix(high ^ keys[i + 1]) >> (np.uint64(64) - low_bits))
    return high << low_bits | low


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Returns numbers whose high bits depend on all bits (murmur3's finaliser)."""
    values = values ^ (values >> np.uint64(33))
    values = values * np.uint64(0xFF51AFD7ED558CCD)
    values = values ^ (values >> np.uint64(33))
    return values * np.uint64(0xC4CEB9FE1A85EC53)
