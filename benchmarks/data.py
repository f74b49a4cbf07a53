"""Data: what a loader costs, and what it offers to the step.

    python -m benchmarks.data [ROUNDS]

Decode, random-resized-crop to 224, flip and batch of 300 JPEGs of 500 x 375, made from
real photographs: images per second of processor time, user and system, of the process
and all its workers, medians of interleaved rounds. grain and tf.data take part where
they are installed. Then collections in memory, and how soon it all starts.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.data_cases import BATCH, BATCHES, CASES
from vit_jax.data.decode import describe_decoder
from vit_jax.data.memory import Held
from vit_jax.data.pipeline import train_batches
from vit_jax.data.sources import Digits


def processor_seconds() -> float:
    """Returns the time of this process and of its children that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(make: Callable[[], Iterator[np.ndarray]]) -> tuple[float, float]:
    """Returns images a core-second and images a second.

    The first includes starting the workers of a case that has some: the difference
    between a long and a short run takes that out.
    """

    def run(count: int) -> tuple[float, float]:
        processor = processor_seconds()
        batches = make()
        next(batches)
        first = time.perf_counter()
        for _ in range(count):
            next(batches)
        seconds = time.perf_counter() - first
        close = getattr(batches, "close", None)
        if close:
            close()
        del batches
        return processor_seconds() - processor, seconds

    short, _ = run(2)
    long, seconds = run(2 + BATCHES)
    return BATCH * BATCHES / (long - short), BATCH * (2 + BATCHES) / seconds


def compare(rounds: int) -> None:
    """Prints one line a case."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CASES}
    # Round 0 is not counted: it imports the libraries and makes the files.
    for i in range(rounds + 1):
        for name, make in CASES.items():
            try:
                pair = measure(make)
            except ImportError:
                continue
            if i > 0:
                found[name].append(pair)
    print(f"{describe_decoder()}; {os.cpu_count()} cores; {rounds} rounds")
    print(f"{'images':<40} {'a core-second':>22} {'a second':>10}")
    for name, pairs in found.items():
        if not pairs:
            print(f"{name:<40} {'not installed':>22}")
            continue
        each, wall = ([pair[i] for pair in pairs] for i in (0, 1))
        spread = f"{statistics.median(each):.0f} ({min(each):.0f} to {max(each):.0f})"
        print(f"{name:<40} {spread:>22} {statistics.median(wall):>10.0f}")


def offer_from_memory() -> None:
    """Prints how many images a second a collection in memory offers."""
    rng = np.random.default_rng(0)
    for name, shape in {
        "CIFAR": (50_000, 32, 32, 3),
        "224": (2_000, 224, 224, 3),
    }.items():
        images = rng.integers(0, 256, shape, np.uint8)
        held = Held(Digits("test"), images, np.zeros(len(images), np.int32), {})
        for num_threads in (0, 1, 2):
            batches = train_batches(
                held, batch_size=256, seed=0, num_threads=num_threads
            )
            next(batches)
            count = 400 if shape[1] == 32 else 20
            start = time.perf_counter()
            for _ in range(count):
                next(batches)
            rate = count * 256 / (time.perf_counter() - start)
            batches.close()
            print(f"in memory, {name}, {num_threads} threads: {rate:,.0f} images/s")


def time_start() -> None:
    """Prints what importing costs, and how soon two worker processes deliver."""
    code = "import vit_jax.data.pipeline, sys; print('jax' in sys.modules)"
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        times.append(time.perf_counter() - start)
    jax = "with" if "True" in done.stdout else "without"
    print(f"python, import vit_jax.data.pipeline ({jax} jax): {min(times):.2f} s")
    for num_workers in (1, 2):
        start = time.perf_counter()
        batches = train_batches(
            Digits("test"), batch_size=8, seed=0, num_threads=0, num_workers=num_workers
        )
        next(batches)
        print(
            f"first batch of {num_workers} workers: {time.perf_counter() - start:.2f} s"
        )
        batches.close()


def main() -> None:
    """Prints all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    compare(parser.parse_args().rounds)
    offer_from_memory()
    time_start()


if __name__ == "__main__":
    main()
