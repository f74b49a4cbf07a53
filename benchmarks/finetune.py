"""What weights are worth for classes and a resolution that they have not seen.

    python -m benchmarks.finetune DIR [--folder runs/halves]

DIR holds CIFAR-10 as a TFDS data set. Its classes are split in two halves, each a .npz
file of 25,000 images to train on and 5,000 held out. A small ViT is trained on the
first half at 32 pixels; then, on the second half at 48 pixels and for as many steps
each, it is fine-tuned, gets a new head alone, and is trained from scratch. Each is a
command as a user types it, in a process of its own; the seconds are those of its CPUs,
imports and compilation included.

The exit code is 1 if fine-tuning is not 3 points better than as many steps from
scratch, or a new head alone is not better.
"""

import argparse
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

from vit_jax.data.memory import hold
from vit_jax.data.sources.tfds import Tfds
from vit_jax.train.report.sinks import read_metrics

ROOT = Path(__file__).parent.parent
HALVES = {"first": range(5), "second": range(5, 10)}
SECOND = "--data.source FOLDER/second.npz --run.steps 300"
INIT = "--init FOLDER/pretrained --init.image-size 48 --init.resample timm"
COMMANDS = {
    "pretrained": "configs/cifar10_half.py --data.source FOLDER/first.npz",
    "finetuned": f"configs/finetune.py {INIT} --init.new-head {SECOND}",
    "probed": f"configs/linear_probe.py {INIT} {SECOND}",
    "scratch": f"configs/cifar10_half.py --model.image-size 48 {SECOND}",
}
ROWS = {
    "pretrained": "first half, from scratch at 32 pixels",
    "finetuned": "second half, fine-tuned at 48 pixels",
    "probed": "second half, a new head alone at 48 pixels",
    "scratch": "second half, from scratch at 48 pixels",
}
MARGIN = 0.03


def split(data_dir: Path, folder: Path) -> None:
    """Writes each half of CIFAR-10's classes as a .npz file."""
    parts = {name: hold(Tfds("cifar10", name, data_dir)) for name in ("train", "test")}
    for half, classes in HALVES.items():
        arrays = {"class_names": np.array(parts["train"].class_names)[list(classes)]}
        for part, held in parts.items():
            chosen = np.isin(held.labels, list(classes))
            arrays[f"x_{part}"] = held.images[chosen]
            arrays[f"y_{part}"] = held.labels[chosen] - classes[0]
        np.savez(folder / f"{half}.npz", **arrays)


def run(name: str, folder: Path) -> tuple[int, float, float]:
    """Returns steps, accuracy and CPU seconds of a command, which it prints."""
    command = f"train.py {COMMANDS[name]} --run.workdir FOLDER/{name}"
    words = shlex.split(command.replace("FOLDER", str(folder)))
    print("python", shlex.join(words), flush=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = [x for x in read_metrics(folder / name) if "eval/top1" in x][-1]
    return last["step"], last["eval/top1"], seconds


def main() -> None:
    """Prints a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path, metavar="DIR")
    parser.add_argument("--folder", type=Path, default=Path("runs/halves"))
    asked = parser.parse_args()
    folder = asked.folder.absolute()
    if folder.exists():
        sys.exit(f"{folder} is there already: remove it, or give another --folder.")
    folder.mkdir(parents=True)
    split(asked.data_dir, folder)
    found = {name: run(name, folder) for name in COMMANDS}
    print(f"{'':<44}{'steps':>6}{'accuracy':>10}{'CPU':>8}")
    for name, (steps, top1, seconds) in found.items():
        print(f"{ROWS[name]:<44}{steps:>6}{top1:>10.2%}{seconds:>6.0f} s")
    top1 = {name: top1 for name, (_, top1, _) in found.items()}
    better = top1["finetuned"] > top1["scratch"] + MARGIN
    sys.exit(0 if better and top1["probed"] > top1["scratch"] else 1)


if __name__ == "__main__":
    main()
