"""A long run in one process: what it holds at its end and did not hold at its start.

    python -m benchmarks.soak [--steps 10000]

The run of tests/train/recipe.py, with an average of the parameters, saves every 500
steps and evaluations every 1,000. Every 1,000 steps, behind a save, its private memory,
threads, file descriptors and JAX's live arrays are counted. The exit code is 1 if
descriptors or arrays grew from the first count to the last, if there are over 2 threads
more, or if memory grew by more than 5 MB per 10,000 steps (a straight line through the
counts).

The bars: what leaks once a save or evaluation shows at least ten times; TensorStore's
pool starts a thread late. TensorStore (0.1.86) leaks 45 kB a save here, since its
`KvStore.Spec.to_json` leaks, which Orbax calls once an array; and the heap grows 1 MB
at a time. Steps alone leak nothing. All is allocated in one arena (MALLOC_ARENA_MAX=1):
else each thread has one of its own, and 20 saves fill 15 MB more, once.
"""

import argparse
import dataclasses
import gc
import io
import os
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import jax
import numpy as np

import vit_jax.train.run as run_module
from tests.train.recipe import get_config
from vit_jax.checkpoint import Checkpoints
from vit_jax.train.loop import train

EVERY = 1000
MEMORY_BAR = 5.0
THREADS_BAR = 2


class Count(NamedTuple):
    """What the process holds behind a step."""

    step: int
    memory: float
    """Private and resident, MB."""
    threads: int
    """Of the operating system: those of libraries too."""
    descriptors: int
    arrays: int
    """Of JAX, live."""


def count(step: int) -> Count:
    """Returns what this process holds now."""
    gc.collect()
    looks: list[tuple[int, int]] = []
    for _ in range(10):  # a thread may just be about to end
        looks.append((len(os.listdir("/proc/self/task")), len(os.listdir("/dev/fd"))))
        time.sleep(0.01)
    threads, descriptors = map(min, zip(*looks, strict=True))
    status = Path("/proc/self/status").read_text()
    memory = next(line for line in status.splitlines() if line.startswith("RssAnon"))
    return Count(
        step=step,
        memory=int(memory.split()[1]) / 1024,
        threads=threads,
        descriptors=descriptors,
        arrays=len(jax.live_arrays()),
    )


def soak(workdir: Path, *, steps: int, every: int) -> list[Count]:
    """Trains; returns what was held behind every so many steps."""
    counts: list[Count] = []

    class Counting(Checkpoints):
        def save(
            self,
            step: int,
            state: Any,
            card: dict[str, Any],
            *,
            top1: float | None = None,
        ) -> None:
            super().save(step, state, card, top1=top1)
            if step % every == 0:
                self.wait()  # what a write holds while it goes on is no growth
                counts.append(count(step))

    config = get_config()
    run = dataclasses.replace(
        config.run,
        workdir=workdir,
        steps=steps,
        log_every_steps=max(1, every // 10),
        eval_every_steps=every,
        save_every_steps=every // 2,
    )
    optim = dataclasses.replace(config.optim, ema_decay=0.99)
    config = dataclasses.replace(config, run=run, optim=optim)
    with mock.patch.object(run_module, "Checkpoints", Counting):
        train(config)
    return counts


def find_slope(counts: list[Count]) -> float:
    """Returns by how many MB memory grows in 10,000 steps."""
    steps, memory = ([*column] for column in list(zip(*counts, strict=True))[:2])
    return 10_000 * float(np.polyfit(steps, memory, 1)[0])


def main() -> None:
    """Prints a line a count, then what grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    asked = parser.parse_args()
    wanted = {"MALLOC_ARENA_MAX": "1", "JAX_PLATFORMS": "cpu"}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        command = [sys.executable, "-m", "benchmarks.soak", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **wanted})
    with tempfile.TemporaryDirectory() as name, redirect_stdout(io.StringIO()):
        counts = soak(Path(name), steps=asked.steps, every=EVERY)
    print("  step  memory (MB)  threads  descriptors  arrays")
    for c in counts:
        print(
            f"{c.step:>6,} {c.memory:>12.1f} {c.threads:>8} {c.descriptors:>12}"
            f" {c.arrays:>7}"
        )
    slope, (first, *_, last) = find_slope(counts), counts
    threads = last.threads - first.threads
    others = (last.descriptors - first.descriptors, last.arrays - first.arrays)
    print(
        f"growth: {slope:+.1f} MB per 10,000 steps, {threads:+} threads,"
        f" {others[0]:+} descriptors, {others[1]:+} arrays"
    )
    holds = slope < MEMORY_BAR and threads <= THREADS_BAR and max(others) <= 0
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
