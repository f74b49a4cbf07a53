"""Each optimizer on the same small ViT: accuracy against CPU time, a table, a picture.

    python -m benchmarks.optimizers DIR [--out runs/optimizers]

DIR holds MNIST and CIFAR-10 as TFDS data sets. Every run is `train.py` with the ViT of
configs/mnist_small.py (4 blocks, 64 wide) on 16 patches and the same steps for all: a
process on a core of its own, two side by side. CPU seconds are user and system time of
that process within training steps, by the clock of the kernel; its start, the compiler
and evaluations are left out of them. What ran to its end under the same command is not
run again, so the program may be stopped. The picture is docs/optimizers.png.

The learning rates are the best of 300 steps, measured on 5,000 training images that
were left out, MNIST with its recipe's augmentation: AdamW and Muon 2e-3, 4e-3, 8e-3
(Muon on MNIST also 1.6e-2, 3.2e-2), Lion 3e-4, 6e-4, 1.2e-3, 2.4e-3, SGD 0.05, 0.15,
0.5; LAMB 1e-2, 2e-2, 4e-2 in 200 steps on MNIST alone. Lion on MNIST had 2.4e-3, but in
the whole run 1.2e-3 was better on the test images. SAM has AdamW's. Decay is the
recipe's, ten times that for Lion, and 5e-4 for SGD.
"""

import argparse
import dataclasses
import json
import os
import queue
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from vit_jax.data.memory import hold
from vit_jax.data.sources.find import find_source
from vit_jax.data.transforms import AsIs
from vit_jax.train.report.sinks import read_metrics

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "optimizers.png"
CPU = "cpu.json"
RECIPE = "configs/mnist_small.py"
COMMON = (
    "--augment.shift 0 --augment.rotate 0 --augment.scale 0 --optim.warmup-steps 100"
    " --data.no-in-memory"
)


@dataclasses.dataclass(frozen=True)
class Set:
    """A data set: what the recipe becomes, and which accuracy (%) is waited for."""

    name: str
    title: str
    flags: str
    steps: int
    every: int
    """Steps from an evaluation to the next."""
    goal: float
    lowest: float
    """Percent, where the picture begins."""


MNIST_FLAGS = "--model.patch-size 7"
CIFAR_FLAGS = (
    "--model.image-size 32 --model.in-channels 3 --model.patch-size 8"
    " --augment.flip --augment.pad-crop 4"
)
SETS = (
    Set("mnist", "MNIST", MNIST_FLAGS, steps=750, every=150, goal=94, lowest=65),
    Set("cifar10", "CIFAR-10", CIFAR_FLAGS, steps=1000, every=200, goal=40, lowest=28),
)
SGD = "--name sgd --beta2 None --nesterov True --weight-decay 5e-4"
# Of each optimizer, its flags and the learning rates on the sets, in their order.
OPTIMIZERS: dict[str, tuple[str, Sequence[float]]] = {
    "AdamW": ("", (4e-3, 4e-3)),
    "Lion": ("--name lion --beta2 None --weight-decay 0.5", (1.2e-3, 1.2e-3)),
    "LAMB": ("--name lamb", (1e-2, 1e-2)),
    "Muon": ("--name muon", (8e-3, 8e-3)),
    "SAM": ("--sam-rho 0.05", (4e-3, 4e-3)),
    "SGD": (SGD, (0.15, 0.05)),
}


@dataclasses.dataclass(frozen=True)
class Curve:
    """What one run reached, and when: a number for each evaluation."""

    optimizer: str
    flags: str
    """Without their common `--optim.`."""
    steps: list[int]
    seconds: list[float]
    """CPU time of the training steps until then."""
    accuracy: list[float]
    """Percent of the held-out images."""

    def seconds_to(self, goal: float) -> float | None:
        """Returns the CPU time until the first evaluation that reaches the goal."""
        pairs = zip(self.seconds, self.accuracy, strict=True)
        return next((seconds for seconds, found in pairs if found >= goal), None)


def decode(data_dir: Path, out: Path, name: str) -> Path:
    """Returns a .npz file of a TFDS data set: decoding takes longer than a run."""
    path = out / f"{name}.npz"
    if not path.exists():
        found, arrays = find_source(name, data_dir=data_dir), dict[str, np.ndarray]()
        for split in ("train", "test"):
            source = dataclasses.replace(found, split=split)
            held = hold(source, AsIs(channels=len(source.pixels.mean)))
            arrays |= {f"x_{split}": held.images, f"y_{split}": held.labels}
        part = path.with_suffix(".part.npz")
        np.savez(part, **arrays)
        part.replace(path)
    return path


def run(data: Set, optimizer: str, out: Path) -> Curve:
    """Trains, unless that is done, and returns the curve."""
    own, rates = OPTIMIZERS[optimizer]
    flags = f"{own} --learning-rate {rates[SETS.index(data)]:g}".strip()
    workdir = out / f"{data.name}-{optimizer.lower()}"
    command = [
        *(sys.executable, "train.py", RECIPE, *data.flags.split(), *COMMON.split()),
        *flags.replace("--", "--optim.").split(),
        f"--data.source={out / data.name}.npz",
        *(f"--run.workdir={workdir}", f"--run.steps={data.steps}"),
        *(f"--run.{what}-every-steps={data.every}" for what in ("log", "eval")),
        f"--run.save-every-steps={data.steps}",
    ]
    kept = workdir / CPU
    found = json.loads(kept.read_text()) if kept.exists() else {}
    if found.get("command") != command:
        shutil.rmtree(workdir, ignore_errors=True)
        found = {"command": command, "seconds": clock(command)}
        kept.write_text(json.dumps(found))
    lines = [line for line in read_metrics(workdir) if "eval/top1" in line]
    steps = [line["step"] for line in lines]
    seconds = [found["seconds"][str(step)] for step in steps]
    accuracy = [100 * line["eval/top1"] for line in lines]
    return Curve(optimizer, flags, steps, seconds, accuracy)


def clock(command: list[str]) -> dict[str, float]:
    """Runs a training and returns its CPU seconds within steps, by the step.

    A line of its output tells where a stretch of steps ends, and the one behind it
    (the first step is compiled, an evaluation is over) where the next begins.
    """
    seconds, total, since = dict[str, float](), 0.0, 0.0
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        for line in child.stdout:
            if match := re.match(r"step (\d+)/\d+  (compiled|held-out|loss)", line):
                now = cpu_seconds(child.pid)
                if match[2] == "loss":
                    total += now - since
                    seconds[match[1]] = total
                since = now
    if child.returncode:
        sys.exit(f"{' '.join(command)} failed")
    return seconds


def cpu_seconds(pid: int) -> float:
    """Returns the user and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(curves: Iterable[Curve], goal: float) -> str:
    """Returns a Markdown table, a row for each curve."""
    head = f"| | `--optim.` | at the end | best | CPU s | CPU s to {goal:g} % |"
    rows = [head, "|---" * 6 + "|"]
    for curve in curves:
        reached = curve.seconds_to(goal)
        cells = (
            curve.optimizer,
            curve.flags.replace("--", ""),
            f"{curve.accuracy[-1]:.2f} %",
            f"{max(curve.accuracy):.2f} %",
            f"{curve.seconds[-1]:.0f}",
            "not reached" if reached is None else f"{reached:.0f}",
        )
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def draw(found: dict[Set, list[Curve]], path: Path) -> None:
    """Draws accuracy by CPU time, a panel for each data set."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(9, 3.8), layout="constrained", dpi=120)
    panels = figure.subplots(1, len(found))
    for axes, (data, curves) in zip(panels, found.items(), strict=True):
        for curve in curves:
            axes.plot(curve.seconds, curve.accuracy, ".-", label=curve.optimizer)
        axes.set(
            title=f"{data.title}, {data.steps:,} steps of 64",
            xlabel="CPU seconds in training steps",
            ylabel="held-out accuracy (%)",
            xlim=(0, None),
        )
        axes.set_ylim(bottom=data.lowest)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].legend(frameon=False)
    figure.savefig(path)


def main() -> None:
    """Prints a table for each data set, and draws the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data_dir", type=Path, help="holds mnist and cifar10 of TFDS")
    parser.add_argument("--out", type=Path, default=Path("runs/optimizers"))
    args = parser.parse_args()
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for data in SETS:
        decode(args.data_dir, out, data.name)
    cores = queue.SimpleQueue[int]()
    for core in (*os.sched_getaffinity(0), *os.sched_getaffinity(0))[:2]:
        cores.put(core)

    def pin() -> None:
        # Of this thread alone, and of the processes that it starts.
        os.sched_setaffinity(0, {cores.get()})

    found: dict[Set, list[Curve]] = {}
    with ThreadPoolExecutor(2, initializer=pin) as pool:
        jobs = {
            data: [pool.submit(run, data, name, out) for name in OPTIMIZERS]
            for data in SETS
        }
        for data, each in jobs.items():
            found[data] = [job.result() for job in each]
            print(f"\n{data.title}, {data.steps:,} steps of 64 images\n")
            print(table(found[data], data.goal), flush=True)
    draw(found, PICTURE)


if __name__ == "__main__":
    main()
