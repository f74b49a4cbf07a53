"""A source and a transform that tell how long they take.

Axes: r rows, c columns, k channels.
"""

import time

import numpy as np
from jaxtyping import UInt8

from vit_jax.data.sources import Example, ImageSource
from vit_jax.data.timings import Cost
from vit_jax.data.transforms import Transform
from vit_jax.pixels import Pixels


class Stopwatch:
    """Adds up the time spent within it, and the processor's, of all threads."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begins anew."""
        self.seconds = self.processor_seconds = 0.0

    def share(self, count: int) -> Cost:
        """Returns the time of one of so many."""
        return Cost(
            seconds=self.seconds / count,
            processor_seconds=self.processor_seconds / count,
        )

    def __enter__(self) -> None:
        self.seconds -= time.perf_counter()
        self.processor_seconds -= time.process_time()

    def __exit__(self, *_: object) -> None:
        self.processor_seconds += time.process_time()
        self.seconds += time.perf_counter()


class TimedSource:
    """A source whose reading is timed."""

    def __init__(self, source: ImageSource) -> None:
        self.source, self.watch = source, Stopwatch()

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.source.class_names

    @property
    def pixels(self) -> Pixels:
        return self.source.pixels

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Example:
        with self.watch:
            return self.source[index]

    def name(self, index: int) -> str:
        """Returns what the source calls an image."""
        return self.source.name(index)


class TimedTransform:
    """A transform that is timed."""

    def __init__(self, transform: Transform) -> None:
        self.transform, self.watch = transform, Stopwatch()
        self.is_random = transform.is_random

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        return self.transform.image_shape

    def __call__(
        self,
        image: bytes | UInt8[np.ndarray, "r c k"],
        rng: np.random.Generator | None = None,
    ) -> UInt8[np.ndarray, "r2 c2 k2"]:
        with self.watch:
            return self.transform(image, rng)
