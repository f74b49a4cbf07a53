"""Batches: shuffled without end to train on, each image once to evaluate on.

Axes: b batch, r rows, c columns, k channels.
"""

import math
from collections.abc import Iterator
from typing import TypedDict

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8

from vit_jax.data.batches import MakeBatch, find_image_shape
from vit_jax.data.broken import BrokenImages
from vit_jax.data.order import InTurn, Plan, Shard, Shuffled
from vit_jax.data.read_ahead import ReadAhead
from vit_jax.data.sources import ImageSource
from vit_jax.data.transforms import AsIs, Transform


class Batch(TypedDict):
    """Images and the indices of their classes; `real` is False on what fills up."""

    image: UInt8[np.ndarray, "b r c k"]
    label: Int32[np.ndarray, " b"]
    real: Bool[np.ndarray, " b"]
    index: Int64[np.ndarray, " b"]
    """Of the image in its source; -1 on what fills up."""


class Batches(Iterator[Batch]):
    """An iterator whose state is its position: the number of the next batch."""

    def __init__(
        self,
        make: MakeBatch,
        *,
        num_threads: int,
        num_workers: int,
        max_broken: float,
    ) -> None:
        self.broken = BrokenImages(
            len(make.source), make.describe, max_broken=max_broken
        )
        """What was found broken in the batches handed out since the start."""
        self.plan = make.plan
        """Which images make up which batch."""
        self._made = ReadAhead(
            make,
            stop=make.plan.num_batches,
            num_threads=num_threads,
            num_workers=num_workers,
            result_bytes=make.plan.rows * math.prod(make.image_shape),
        )

    def __next__(self) -> Batch:
        made = next(self._made)
        self.broken.see(made["index"], made["broken"])
        return Batch(
            image=made["image"],
            label=made["label"],
            real=made["real"],
            index=made["index"],
        )

    def get_state(self) -> dict[str, int]:
        """Returns the position, for a checkpoint."""
        return {"next_index": self._made.position}

    def set_state(self, state: dict[str, int]) -> None:
        """Goes to a position."""
        self._made.seek(state["next_index"])

    def close(self) -> None:
        """Ends the threads or processes that read ahead."""
        self._made.close()


def train_batches(
    source: ImageSource,
    *,
    batch_size: int,
    seed: int,
    num_threads: int,
    transform: Transform | None = None,
    shard: Shard | None = None,
    num_workers: int = 0,
    max_broken: float = 0.01,
    repeats: int = 1,
) -> Batches:
    """Returns batches without end, each epoch in an order of its own.

    Batch i is a function of (source, transform, batch_size, seed, repeats, i) alone,
    whatever the number of threads and processes. An image that cannot be decoded is
    replaced by another, which is drawn for (seed, epoch, index); `broken` counts and
    names it.

    Args:
      batch_size: of all shards together.
      num_threads: that read ahead; 0 reads when a batch is asked for. They share the
        cores well, since decoding holds no lock of Python's.
      transform: None for images that have one size already.
      shard: the part of each batch that this process makes; None for all of it.
      num_workers: processes that read ahead, instead of threads: for sources or
        transforms that are slow in Python itself.
      max_broken: the largest share of broken images; beyond it the next batch raises
        InputError, which names the first ten. 0 stops at the first.
      repeats: how many times an image comes in a row, transformed with other random
        numbers each time; an epoch is no longer for it (see repeats.py).
    """
    shard = Shard() if shard is None else shard
    plan = Shuffled(len(source), batch_size, seed, shard, repeats)
    make = _make(source, transform, plan, has_substitutes=True)
    return Batches(
        make,
        num_threads=num_threads,
        num_workers=num_workers,
        max_broken=max_broken,
    )


def eval_batches(
    source: ImageSource,
    *,
    batch_size: int,
    num_threads: int = 0,
    transform: Transform | None = None,
    shard: Shard | None = None,
    num_workers: int = 0,
    max_broken: float = 0.01,
) -> Batches:
    """Returns batches with every image once, in order; the last one is filled up.

    All shards have the same number of batches. An image that cannot be decoded is not
    `real`: nothing stands in for it, since none may count twice. Arguments are those of
    `train_batches`.
    """
    shard = Shard() if shard is None else shard
    plan = InTurn(len(source), batch_size, shard)
    make = _make(source, transform, plan, has_substitutes=False)
    return Batches(
        make,
        num_threads=num_threads,
        num_workers=num_workers,
        max_broken=max_broken,
    )


def _make(
    source: ImageSource,
    transform: Transform | None,
    plan: Plan,
    *,
    has_substitutes: bool,
) -> MakeBatch:
    transform = AsIs() if transform is None else transform
    shape = find_image_shape(source, transform)
    return MakeBatch(source, transform, plan, shape, has_substitutes)
