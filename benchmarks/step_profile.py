"""Where the time of a training step goes, by part of the model.

    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python -m benchmarks.step_profile --model S

JAX's profiler times every operation of some steps, and the compiled program tells from
which lines of ours it comes; what is fused counts where the last of it stands. On CPU
one core is used, so that no two operations overlap. `idle` is the time of the steps in
which no operation ran.
"""

import argparse
import collections
import dataclasses
import gzip
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.speed_cases import MODELS, find_sizes

# (in a function's name or its file, part): the first that is found in an operation's
# stack counts.
PARTS = (
    (r"norm\.py", "LayerNorm"),
    (r"mlp\.py gelu", "GELU"),
    (r"attend\.py", "attention: scores, softmax, values"),
    (r"linear\.py", "linear layers"),
    (r"Embed\.", "patches and tokens"),
    (r"Pool\.", "pool"),
    (r"model/", "residual stream"),
    (r"augment/", "pixels and augmentation"),
    (r"loss\.py|objective\.py", "loss"),
    (r"optax|train/", "optimizer and metrics"),
)

INSTRUCTION = r"\s*(?:ROOT )?%?([\w.\-]+) = .*stack_frame_id=(\d+)"


@dataclasses.dataclass(frozen=True)
class Profile:
    """Seconds of one step."""

    whole: float
    parts: dict[str, float]
    idle: float


def find_stacks(text: str) -> Iterator[tuple[str, str]]:
    """Yields each instruction of a compiled program, and the functions it comes from.

    Args:
      text: of the program, with the tables of its stack frames.
    """
    tables = dict[str, dict[int, str]]()
    table: dict[int, str] = {}
    for line in text.splitlines():
        if line in ("FileNames", "FunctionNames", "FileLocations", "StackFrames"):
            table = tables[line] = {}
        elif entry := re.match(r"(\d+) (.*)", line):
            table[int(entry[1])] = entry[2]
        elif found := re.match(INSTRUCTION, line):
            yield found[1], " < ".join(_walk(tables, int(found[2])))


def _walk(tables: dict[str, dict[int, str]], frame: int) -> Iterator[str]:
    """Yields "file function" of a frame and of those that called it."""

    def number(row: str, name: str) -> int:
        found = re.search(rf"\b{name}=(\d+)", row)
        return int(found[1]) if found else 0

    before = 0
    while frame != before:
        row = tables["StackFrames"][frame]
        place = tables["FileLocations"][number(row, "file_location_id")]
        file = tables["FileNames"][number(place, "file_name_id")].strip('"')
        function = tables["FunctionNames"][number(place, "function_name_id")]
        yield f"{file} {function.strip(chr(34))}"
        before, frame = frame, number(row, "parent_frame_id")


def find_part(stack: str) -> str:
    """Returns the part of the model that a stack of functions belongs to."""
    return next((part for found, part in PARTS if re.search(found, stack)), "rest")


def profile(case: dict[str, Any], steps: int) -> Profile:
    """Returns where the time of training steps goes."""
    import jax

    from benchmarks.speed_jax import make_step_of

    step, state, batch = make_step_of(case)
    compiled = step.lower(state, batch).compile()
    stacks = dict(find_stacks(compiled.as_text() or ""))
    for _ in range(2):
        state, metrics = compiled(state, batch)
    jax.block_until_ready(metrics)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            since = time.perf_counter()
            for _ in range(steps):
                state, metrics = compiled(state, batch)
            jax.block_until_ready(metrics)
            whole = time.perf_counter() - since
        (path,) = Path(folder).rglob("*.trace.json.gz")
        events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    parts = collections.Counter[str]()
    for event in events:
        operation = event.get("args", {}).get("hlo_op")
        if operation and event.get("ph") == "X":
            parts[find_part(stacks.get(operation, ""))] += event["dur"] * 1e-6
    idle = whole - sum(parts.values())
    return Profile(
        whole / steps, {n: s / steps for n, s in parts.items()}, idle / steps
    )


def main() -> None:
    """Prints the parts, the largest first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="S", choices=MODELS)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--steps", type=int, default=3)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    case = {"model": given.model, "batch": given.batch, "dtype": given.dtype}
    found = profile({**case, "kind": "train", **find_sizes(given.model)}, given.steps)
    print(f"{given.model}/16, batch {given.batch}, {given.dtype}: {found.whole:.3f} s")
    rows = [*sorted(found.parts.items(), key=lambda row: -row[1]), ("idle", found.idle)]
    for name, seconds in rows:
        print(f"{name:<38}{seconds:>9.3f} s{seconds / found.whole:>8.1%}")


if __name__ == "__main__":
    main()
