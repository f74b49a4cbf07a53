"""How fast batches are made, by number of threads and processes, and what parts cost.

Of worker processes the time counts too; the operating system tells it on POSIX alone.
"""

import contextlib
import dataclasses
import resource
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from tqdm import tqdm

from vit_jax.data.batches import find_image_shape
from vit_jax.data.check import look_at
from vit_jax.data.cores import count_cores, measure_free_cores
from vit_jax.data.decode import Decoder, describe_decoder, fast_packages
from vit_jax.data.pipeline import Batches, train_batches
from vit_jax.data.sources import ImageSource, Tfds
from vit_jax.data.stopwatch import Stopwatch, TimedSource, TimedTransform
from vit_jax.data.timings import Cost, Parts, Setting, Stored, Timings
from vit_jax.data.transforms import Transform
from vit_jax.errors import InputWarning

LOOKED_AT = 16
PROBE_SECONDS = 0.1


def benchmark(
    source: ImageSource,
    transform: Transform,
    *,
    batch_size: int,
    seconds: float,
    num_threads: Sequence[int],
    num_workers: Sequence[int] = (),
    progress: bool = False,
) -> Timings:
    """Returns what batches to train on cost, measured setting by setting.

    Args:
      seconds: for each setting, and for the parts; begun batches are finished.
      num_threads: of each setting without worker processes.
      num_workers: of each setting with them.

    Raises:
      InputError: images do not fit the transform, or none can be decoded.
    """
    shape = find_image_shape(source, transform)
    stored = look_at_some(source)
    pairs = list(
        dict.fromkeys([(n, 0) for n in num_threads] + [(0, n) for n in num_workers])
    )
    stream = _Stream(source, transform, batch_size)
    with (
        warnings.catch_warnings(),
        tqdm(total=1 + len(pairs), disable=None if progress else True) as bar,
    ):
        # Broken images are counted: each setting would name them anew.
        warnings.simplefilter("ignore", InputWarning)
        parts = stream.time_parts(seconds)
        bar.update()
        settings: list[Setting] = []
        free_cores: list[float] = []
        for threads, workers in pairs:
            free_cores.append(measure_free_cores(PROBE_SECONDS))
            settings.append(stream.time_setting(threads, workers, seconds))
            bar.update()
    decoder: Decoder = getattr(transform, "decoder", "pil")
    is_slow = decoder == "auto" and fast_packages() is None
    return Timings(
        num_images=len(source),
        image_shape=shape,
        batch_size=batch_size,
        crop_is_random=transform.is_random,
        is_prepared=isinstance(source, Tfds),
        decoder=describe_decoder(decoder) if stored.is_encoded else "",
        lacks_fast_data=is_slow and stored.format.startswith("JPEG"),
        cores=count_cores(),
        free_cores=statistics.mean(free_cores),
        stored=stored,
        parts=parts,
        settings=tuple(settings),
        images_seen=min(stream.images, len(source)),
        broken=len(stream.broken),
    )


def look_at_some(source: ImageSource) -> Stored:
    """Returns the commonest format of a few images, and their median size."""
    indices = np.linspace(0, len(source) - 1, LOOKED_AT).round().astype(int)
    looks = [look_at(source, index) for index in dict.fromkeys(indices.tolist())]
    whole = [look for look in looks if not look.fault]
    if not whole:
        return Stored(format="unknown", rows=0, columns=0)
    return Stored(
        format=Counter(look.format for look in whole).most_common(1)[0][0],
        rows=round(statistics.median(look.rows for look in whole)),
        columns=round(statistics.median(look.columns for look in whole)),
    )


class _Stream:
    """Batches of one endless order, timed piece by piece.

    Each piece begins where the one before it ended: what was just read comes from the
    system's memory, and would make the next setting look better.
    """

    def __init__(
        self, source: ImageSource, transform: Transform, batch_size: int
    ) -> None:
        self.source, self.transform, self.batch_size = source, transform, batch_size
        self.images = 0
        """In the batches handed out."""
        self.broken: set[int] = set()
        self._position = 0

    def time_setting(
        self, num_threads: int, num_workers: int, seconds: float
    ) -> Setting:
        """Returns what batches cost that so many threads or processes make."""
        if not num_workers:
            return self._run(num_threads, 0, seconds)
        # What a process took is known when it has ended, and its start is in it: a run
        # that does nothing but start takes that out.
        start = self._run(0, num_workers, None).processor_seconds
        run = self._run(0, num_workers, seconds)
        took = max(0.0, run.processor_seconds - start)
        return dataclasses.replace(run, processor_seconds=took)

    def time_parts(self, seconds: float) -> Parts:
        """Returns what each part costs, one image after another in one thread."""
        source, transform = TimedSource(self.source), TimedTransform(self.transform)
        watches = source.watch, transform.watch, Stopwatch()
        # Of a class, transforms are random or not; this one is as what it times.
        with self._open(source, cast(Transform, transform)) as batches:
            next(batches)  # opens files and imports packages
            for watch in watches:
                watch.reset()
            with watches[-1]:
                images = self._take(batches, seconds)
        reading, decoding, whole = (watch.share(images) for watch in watches)
        done = reading + decoding
        batching = Cost(
            seconds=whole.seconds - done.seconds,
            processor_seconds=whole.processor_seconds - done.processor_seconds,
        )
        return Parts(reading=reading, decoding=decoding, batching=batching)

    def _run(
        self, num_threads: int, num_workers: int, seconds: float | None
    ) -> Setting:
        begun, children = time.perf_counter(), _children_seconds()
        # Those that begin together end together: only whole rounds are timed.
        at_once, watch = max(1, num_threads, num_workers), Stopwatch()
        with self._open(
            self.source,
            self.transform,
            num_threads=num_threads,
            num_workers=num_workers,
        ) as batches:
            next(batches)
            starts_in = time.perf_counter() - begun
            self._take(batches, 0.0, at_once)  # until all are at work
            images = 0
            if seconds is not None:
                with watch:
                    images = self._take(batches, seconds, at_once)
        self._position += at_once + 2  # these were read ahead
        return Setting(
            num_threads=num_threads,
            num_workers=num_workers,
            starts_in=starts_in,
            images=images,
            seconds=watch.seconds,
            processor_seconds=watch.processor_seconds + _children_seconds() - children,
        )

    @contextlib.contextmanager
    def _open(
        self,
        source: ImageSource,
        transform: Transform,
        *,
        num_threads: int = 0,
        num_workers: int = 0,
    ) -> Iterator[Batches]:
        batches = train_batches(
            source,
            batch_size=self.batch_size,
            seed=0,
            num_threads=num_threads,
            transform=transform,
            num_workers=num_workers,
            max_broken=1.0,
        )
        batches.set_state({"next_index": self._position})
        try:
            yield batches
            self.images += self.batch_size * (
                batches.get_state()["next_index"] - self._position
            )
            self._position = batches.get_state()["next_index"]
            self.broken.update(batches.broken.indices)
        finally:
            batches.close()

    def _take(self, batches: Batches, seconds: float, at_once: int = 1) -> int:
        """Returns how many images came in whole rounds of batches, one at the least."""
        begun, count = time.perf_counter(), 0
        while count == 0 or time.perf_counter() - begun < seconds:
            for _ in range(at_once):
                next(batches)
            count += at_once
        return count * self.batch_size


def _children_seconds() -> float:
    """Returns what the processor worked for processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
