"""Forward passes and training steps of ours beside torch's and JAX's, in one run.

    python -m benchmarks.speed                                  # S/16 and B/16, float32
    python -m benchmarks.speed --models Ti L --kinds train --contestants vit_jax timm
    python -m benchmarks.speed --dtype bfloat16 --batch 128 --steps 10        # on a GPU

Contestants: ours; timm as it comes and under torch.compile; Hugging Face's ViT in torch
and, of transformers < 5, in Flax; Equimo. What cannot be imported is told and left out;
`--python equimo=PATH` runs one by the Python of another environment.

Each is a process of its own, so that a failure costs only itself. Rounds go around
(ours, timm, ..., ours, timm, ...), so that what else the machine does meets all alike,
and each begins with a step that does not count. All take random weights, images of
224 x 224, the same batch, exact GELU, cross-entropy and AdamW; parameters are float32,
products in `--dtype`. Our training step is that of train.py without augmentation, from
uint8 images on.

Images a second are the median over the rounds, with quartiles; `x timm` is that of the
ratios within a round. MFU counts the products of the model, not what is computed
again, over the fastest large product that any contestant reached in this run; where no
device tells its memory, it is the process's. The exit code is 1 where ours is slower
than timm as it comes. All figures go to `--out`/speed.json, a plot beside it.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.speed_cases import MODELS, describe_machine, find_flops, find_sizes
from benchmarks.speed_child import Child, Found
from benchmarks.speed_tell import HEADER, draw, summarise, tell

CONTESTANTS = (
    "vit_jax",
    "timm",
    "timm_compile",
    "huggingface",
    "huggingface_flax",
    "equimo",
)
KINDS = ("forward", "train")


def measure(
    case: dict[str, Any], names: list[str], rounds: int, pythons: dict[str, str]
) -> list[Found]:
    """Returns what each contestant needs for a case."""
    children, found = dict[str, Child](), dict[str, Found]()
    for name in names:  # one after another: compilers take all cores
        child = Child(name, case, pythons.get(name, sys.executable))
        found[name] = one = Found(name)
        answer = child.hear()
        if fault := answer.get("fault"):
            one.fault = fault
            child.end()
            continue
        children[name] = child
        one.compile_seconds, one.ceiling = answer["compile"], answer["ceiling"]
        one.versions = answer["versions"]
    for number in range(rounds + 1):
        for name, child in list(children.items()):
            answer = child.ask("run")
            if fault := answer.get("fault"):
                found[name].fault = fault
                children.pop(name).end()
            elif number:  # the first round warms up
                found[name].seconds.append(answer["seconds"])
                found[name].memory = answer["memory"]
    for child in children.values():
        child.end()
    return list(found.values())


def parse() -> argparse.Namespace:
    """Returns what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["S", "B"], choices=MODELS)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument(
        "--contestants", nargs="+", default=CONTESTANTS, choices=CONTESTANTS
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--steps", type=int, default=2, help="in a round, after one that does not count"
    )
    parser.add_argument("--python", nargs="+", default=[], metavar="NAME=PATH")
    parser.add_argument("--out", type=Path, default=Path("runs/speed"))
    return parser.parse_args()


def main() -> int:
    """Measures every case and prints its rows."""
    given = parse()
    given.out.mkdir(parents=True, exist_ok=True)
    pythons = dict(pair.split("=", 1) for pair in given.python)
    machine, rows = describe_machine(), list[dict[str, Any]]()
    print(json.dumps(machine))
    print(HEADER)
    for model in given.models:
        for kind in given.kinds:
            case = {"model": model, "kind": kind, "batch": given.batch}
            case |= {"dtype": given.dtype, "steps": given.steps, **find_sizes(model)}
            found = measure(case, list(given.contestants), given.rounds, pythons)
            rows += (new := summarise(case, found, find_flops(model, kind)))
            tell(new)
            text = json.dumps({"machine": machine, "rows": rows}, indent=1)
            (given.out / "speed.json").write_text(text + "\n")
    versions = {row["contestant"]: row["versions"] for row in rows}
    print(*(f"{name}: {told}" for name, told in versions.items() if told), sep="\n")
    draw(rows, given.out / "speed.png")
    print(f"in {given.out}: speed.json, speed.png")
    ours = [row for row in rows if row["contestant"] == "vit_jax"]
    slower = [r for r in ours if r["fault"] or r.get("over_timm", 1.0) < 1.0]
    return bool(slower)


if __name__ == "__main__":
    # As train.py does for itself (vit_jax.process), for all contestants.
    os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    sys.exit(main())
