"""Conversion at full size: what a ViT-L/16 costs on its way from file to file.

    python -m benchmarks.convert

Each line is a process of its own, in turns, medians of three: CPU seconds of the work,
those of the whole process with its imports, and the peak of its private memory (what is
mapped from the file is not private). Reading the file once into arrays is the measure.
Needs torch to make the file and for one line; no other line imports it.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PRESET = "vit_large_patch16_224"
READ = "read once into arrays"
CONVERT = "convert .pth to .safetensors"
# What each line imports, and what it does between `source` and `target`.
CASES = {
    READ: (
        "import numpy as np; from vit_jax.weights.files import read_tensors",
        "{k: np.array(a) for k, a in read_tensors(source).items()}",
    ),
    "torch.load and numpy copies": (
        "import torch",
        "{k: a.numpy().copy() for k, a in torch.load(source).items()}",
    ),
    CONVERT: (
        "from vit_jax.weights.convert import convert",
        f"convert(source, target.with_suffix('.safetensors'), preset={PRESET!r})",
    ),
    "convert .safetensors to .npz": (
        "from vit_jax.weights.convert import convert",
        "convert(source.with_suffix('.safetensors'), target.with_suffix('.npz'),"
        f" preset={PRESET!r})",
    ),
}
CHILD = """
import json, resource, sys
from pathlib import Path

def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

source, target = map(Path, sys.argv[1:])
{imports}
start = cpu()
result = {work}
print(json.dumps([cpu() - start, cpu(), "torch" in sys.modules]))
"""


class Cost(NamedTuple):
    """What one process took."""

    work: float
    process: float
    memory: int
    """Peak of private bytes."""
    torch: bool


def make_file(path: Path) -> None:
    """Writes a ViT-L/16 of random weights in timm's names, and the same again."""
    import torch

    from tests.models import random_params
    from vit_jax.presets import find_preset
    from vit_jax.weights.files import write_tensors
    from vit_jax.weights.layouts import find_layout
    from vit_jax.weights.mapping import make_plan

    config = find_preset(PRESET).config
    tensors = make_plan(find_layout("timm"), config).to_theirs(random_params(config))
    torch.save({key: torch.from_numpy(tensors[key].copy()) for key in tensors}, path)
    write_tensors(path.with_suffix(".safetensors"), tensors)


def measure(imports: str, work: str, source: Path, target: Path) -> Cost:
    """Returns the cost of a line."""
    code = CHILD.format(imports=imports, work=work)
    command = [sys.executable, "-c", code, str(source), str(target)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0
    while child.poll() is None:
        peak = max(peak, private_bytes(child.pid))
        time.sleep(0.005)
    told, _ = child.communicate()
    if child.returncode:
        sys.exit(f"{command} failed")
    work_seconds, seconds, torch = json.loads(told.splitlines()[-1])
    return Cost(work_seconds, seconds, peak, torch)


def private_bytes(pid: int) -> int:
    """Returns the anonymous memory that a process has now; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("RssAnon")]
    return 1024 * int(lines[0].split()[1]) if lines else 0


def main() -> None:
    """Prints a line for each way, then what the conversion takes of reading."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.pth", Path(folder) / "target.pth"
        make_file(source)
        size = source.stat().st_size
        rounds = [
            [measure(*case, source, target) for case in CASES.values()]
            for _ in range(3)
        ]
    print(f"{'ViT-L/16, ' + format(size, ',') + ' bytes':<32}  work  process  private")
    costs: dict[str, Cost] = {}
    for name, runs in zip(CASES, zip(*rounds, strict=True), strict=True):
        cost = costs[name] = Cost(*map(statistics.median, zip(*runs, strict=True)))
        assert name.startswith("torch") or not any(run.torch for run in runs), name
        print(
            f"{name:<32} {cost.work:4.2f} s  {cost.process:5.2f} s"
            f"  {cost.memory / size:4.2f} x file"
        )
    ours, plain = costs[CONVERT], costs[READ]
    print(
        f"converting takes {ours.work / plain.work:.2f} times the CPU of reading"
        f" ({ours.process / plain.process:.2f} with imports), and private memory of"
        f" {ours.memory / size:.2f} times the file"
    )


if __name__ == "__main__":
    main()
