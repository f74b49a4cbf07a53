"""Kills at random moments: a run that is started again ends with the same bits.

    python -m benchmarks.kills [--kills 100] [--steps 1000] [--seed 0]

Two runs side by side are killed (SIGKILL) and started again by the same command until
all kills are used, then left to end. Each kill is aimed at a phase and at a step from
which on it may fall, drawn beforehand; where it fell is judged from what the process
told and left in its folder. All is compared with a run that nobody killed: every hash
on the way (of parameters, optimizer, EMA and step), what was measured, the model that
is released, and which files are left.

JAX's compilation cache makes restarts faster. The runs that nobody kills are two, one
without a cache and one that fills it: the cache may change no bit either. The exit code
is 1 if anything differs, or if any start tells of an error or a damaged checkpoint.
"""

import argparse
import collections
import dataclasses
import math
import os
import random
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.kill_phases import ENDING, PHASES, RELEASE, Aim, Start
from vit_jax.release import load_release
from vit_jax.train.loop import HASHES
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.step_lines import read_lines

CHAINS = 2
# Metrics that are times, or memory.
TIMES = re.compile(
    r"train/(images_per_second|data_wait|mfu|seconds_left|step_seconds_.*|.*_bytes)$"
)


@dataclasses.dataclass
class Chain:
    """One run from its first start to its end."""

    folder: Path
    kills: list[tuple[str, str]] = dataclasses.field(default_factory=list[Any])
    """Of each, the phase that was aimed at, and that where it fell."""
    taken: int = 0
    """Steps of all starts."""
    fault: str = ""


def run_chain(folder: Path, steps: int, aims: list[Aim], cache: Path | None) -> Chain:
    """Runs until all kills are used, and then to the end."""
    chain, left = Chain(folder), collections.deque(aims)
    while True:
        aim = left.popleft() if left else None
        start = Start(folder, steps, cache)
        phase = start.kill(aim) if aim else ""
        chain.fault = start.find_fault(killed=bool(phase))
        chain.taken += start.step - max(start.first, 0)
        if chain.fault or not aim:
            return chain
        if phase:
            chain.kills.append((aim.phase, phase))
        else:  # it ended before: a run that is started again releases once more
            left.append(dataclasses.replace(aim, phase=RELEASE, step=0))


def draw_aims(kills: int, steps: int, seed: int) -> list[Aim]:
    """Returns where the kills shall fall, each phase as often as another."""
    draw = random.Random(seed)
    order = draw.sample(list(PHASES), len(PHASES))
    names = (order * math.ceil(kills / len(order)))[:kills]
    aims = [
        Aim(
            at_end=name in ENDING,
            step=0 if name in ENDING else draw.randrange(2, steps * 9 // 10),
            phase=name,
            delay=draw.uniform(0, PHASES[name]),
        )
        for name in names
    ]
    return sorted(aims)


def read_end(folder: Path) -> dict[str, Any]:
    """Returns all of an ended run that kills must not change, by what it is."""
    release = load_release(folder)
    return {
        "hashes": read_lines(folder / HASHES),
        "released parameters": {k: v.tobytes() for k, v in release.params.items()},
        "model.json": (folder / "model" / "model.json").read_bytes(),
        "metrics": [
            {name: value for name, value in line.items() if not TIMES.match(name)}
            for line in read_metrics(folder)
        ],
        "files": sorted(os.listdir(folder)),
        # One that was about to be removed may be left; a part, longest, may not.
        "newest checkpoints": sorted(
            os.listdir(folder / "checkpoints"), key=lambda name: (len(name), name)
        )[-2:],
    }


def run_all(
    folder: Path, kills: int, steps: int, seed: int
) -> tuple[Chain, Chain, list[Chain]]:
    """Returns an unbroken run without a cache, one with, and those that are killed."""
    cache, aims = folder / "cache", draw_aims(kills, steps, seed)
    with ThreadPoolExecutor(CHAINS) as pool:
        # The second fills the cache that the others read.
        plain, cached = pool.map(
            lambda name, cache: run_chain(folder / name, steps, [], cache),
            ("plain", "cached"),
            (None, cache),
        )
        chains = pool.map(
            lambda i: run_chain(folder / f"killed{i}", steps, aims[i::CHAINS], cache),
            range(CHAINS),
        )
        return plain, cached, list(chains)


def find_faults(plain: Chain, *others: Chain) -> list[str]:
    """Returns what is wrong with runs, and what of their ends differs from the first's.

    Runs of which one failed are not compared.
    """
    runs = (plain, *others)
    if failed := [f"{run.folder.name}: {run.fault}" for run in runs if run.fault]:
        return failed
    wanted = read_end(plain.folder)
    ends = {run.folder.name: read_end(run.folder) for run in others}
    return [
        f"{name}: other {what} than in the run that nobody killed"
        for name, end in ends.items()
        for what in wanted
        if end[what] != wanted[what]
    ]


def main() -> None:
    """Prints where the kills fell, what they cost, and whether a bit differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked, since = parser.parse_args(), time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        runs = run_all(Path(name), asked.kills, asked.steps, asked.seed)
        plain, cached, chains = runs
        faults = find_faults(plain, cached, *chains)
    kills = [kill for chain in chains for kill in chain.kills]
    fell = collections.Counter(phase for _, phase in kills)
    print(f"{'killed in':<40}{'kills':>6}")
    for phase in PHASES:
        print(f"{phase:<40}{fell[phase]:>6}")
    hits = sum(aim == phase for aim, phase in kills)
    again = sum(chain.taken - asked.steps for chain in chains)
    print(f"{'all':<40}{len(kills):>6}  ({hits} where they were aimed at)")
    print(
        f"{CHAINS} runs of {asked.steps:,} steps; {again:,} steps were taken again;"
        f" {time.perf_counter() - since:.0f} s, seed {asked.seed}"
    )
    for fault in faults:
        print(fault)
    if not faults:
        print(
            "parameters, optimizer, EMA and the released model: 0 ULP from a run that"
            " nobody killed, with the compilation cache and without"
        )
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
