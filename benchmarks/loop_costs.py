"""What the training loop costs beside the steps, on the CPU.

    python -m benchmarks.loop_costs

Dispatch: CPU seconds of the main thread for each step of a ViT-Ti/16, while the steps
run ahead as they do in training. Images have one patch and a batch has one of them,
since how long a step computes does not matter here: its arrays are as many. Below 2 ms.

Saves: a ViT-S/16 with AdamW's moments is hashed and saved as the loop does it, once the
devices have nothing else to do and the save before is long over. What blocks is below
2 % of the time if a run saves every 5 minutes. While the write goes on, steps are taken
as before; what they take longer is told too, for these steps of one image and one patch
that read and write memory more than they compute. On an accelerator the state is copied
to the host first, at some GB/s, and the steps do not share their cores with the write.

Restarts: from the start of the process to the end of the first step of a ViT-Ti/16 at
224, with JAX's compilation cache and without.

The exit code is 1 if a bar is missed; dispatch is judged by its 10th percentile, since
whoever else uses the cores makes the median larger.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.loop_cases import (
    Saves,
    make_config,
    measure_calls,
    measure_loop,
    measure_saves,
    measure_start,
)

DISPATCH_BAR = 2.0  # ms
SAVE_BAR, SAVE_EVERY = 0.02, 300.0
ROUNDS = 5


def tell(name: str, seconds: Sequence[float], *, unit: str = "ms") -> float:
    """Prints 10th, 50th and 90th percentile of times; returns the first."""
    scale = {"s": 1, "ms": 1e3}[unit]
    low, middle, high = (scale * s for s in np.percentile(seconds, [10, 50, 90]))
    print(f"{name:<54}{low:>8,.2f}{middle:>8,.2f}{high:>8,.2f} {unit}")
    return low


def tell_dispatch(folder: Path) -> bool:
    """Prints what a step costs the main thread; returns whether the bar is held."""
    config = make_config("vit_tiny_patch16_224", folder)
    low = tell("dispatch: from a batch to its metrics", measure_calls(config))
    tell("all that the loop's main thread does for a step", measure_loop(config))
    return low < DISPATCH_BAR


def tell_saves(folder: Path) -> bool:
    """Prints what saves cost; returns whether the bar is held."""
    found: Saves = measure_saves(make_config("vit_small_patch16_224", folder), ROUNDS)
    tell(f"a save of {found.size / 1e6:.0f} MB: the hashes block", found.hashed)
    tell("... its copy blocks", found.copied)
    tell("... and it is written, in the background", found.written, unit="s")
    tell("a step without a write", found.quiet)
    tell("a step while a write goes on", found.busy)
    blocked = statistics.median(map(sum, zip(found.hashed, found.copied, strict=True)))
    slower = statistics.median(found.slower)
    print(
        f"a save each {SAVE_EVERY:.0f} s: {blocked / SAVE_EVERY:.2%} of the time is"
        f" blocked, and {max(0.0, slower) / SAVE_EVERY:.2%} lost to slower steps"
    )
    return blocked / SAVE_EVERY < SAVE_BAR


def tell_starts(folder: Path) -> None:
    """Prints how long a restart takes to the end of its first step."""
    folder.mkdir()
    cache = folder / "cache"
    measure_start(folder, cache)  # makes the checkpoint, and fills the cache
    rounds = [[measure_start(folder, c) for c in (None, cache)] for _ in range(ROUNDS)]
    without, cached = zip(*rounds, strict=True)
    tell("a restart to its first step, without a cache", without, unit="s")
    tell("... with JAX's compilation cache", cached, unit="s")


def main() -> None:
    """Prints a line for each cost."""
    os.environ["JAX_PLATFORMS"] = "cpu"  # before JAX looks for devices
    print(f"{'':<54}{'p10':>8}{'median':>8}{'p90':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        holds = [tell_dispatch(folder / "loop"), tell_saves(folder / "saves")]
        tell_starts(folder / "starts")
    sys.exit(0 if all(holds) else 1)


if __name__ == "__main__":
    main()
