"""Batches: shuffled without end to train on, each image once to evaluate on.

Axes: b batch, r rows, c columns, k channels.
"""

from collections.abc import Iterator
from typing import Any, TypedDict

import grain
import numpy as np
from jaxtyping import Bool, Int32, UInt8
from numpy.typing import NDArray

from vit_jax.data.sources import Example, ImageSource


class Batch(TypedDict):
    """Images and the indices of their classes; `real` is False on what fills up."""

    image: UInt8[np.ndarray, "b r c k"]
    label: Int32[np.ndarray, " b"]
    real: Bool[np.ndarray, " b"]


def train_batches(
    source: ImageSource, *, batch_size: int, seed: int, num_threads: int
) -> grain.DatasetIterator[Batch]:
    """Returns batches without end, each epoch in an order of its own.

    Batch i is a function of (source, batch_size, seed, i) alone, whatever the number of
    threads: `get_state()` of the iterator is its position, `set_state` goes there.
    """
    examples = grain.MapDataset.source(source).seed(seed).shuffle().repeat()
    batches = examples.map(_to_arrays).batch(batch_size)
    options = grain.ReadOptions(
        num_threads=num_threads, prefetch_buffer_size=4 * num_threads
    )
    return iter(batches.to_iter_dataset(options))


def eval_batches(source: ImageSource, *, batch_size: int) -> Iterator[Batch]:
    """Yields every image once, in order; the last batch is filled up to batch_size."""
    for start in range(0, len(source), batch_size):
        stop = min(start + batch_size, len(source))
        examples = [_to_arrays(source[i]) for i in range(start, stop)]
        real = np.arange(batch_size) < len(examples)
        examples += examples[:1] * (batch_size - len(examples))
        yield {
            "image": np.stack([example["image"] for example in examples]),
            "label": np.stack([example["label"] for example in examples]),
            "real": real,
        }


def _to_arrays(example: Example) -> dict[str, NDArray[Any]]:
    return {
        "image": example["image"],
        "label": np.asarray(example["label"], np.int32),
        "real": np.asarray(True),
    }
