"""Writes fixtures/lucidrains_releases.json: keys and logits of real releases.

    for release in 0.0.1 0.0.2 ...: pip download --no-deps vit-pytorch==$release
    python -m tests.parity.originals.make_lucidrains_fixture FOLDER_OF_WHEELS

A release's own code runs. What it asks of the number of patches is lifted: the tiny
images here have fewer.
"""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.parity.originals.lucidrains import ERAS
from tests.parity.originals.lucidrains_simple import RELEASES

FILE = Path(__file__).parent / "fixtures" / "lucidrains_releases.json"

SIZES: dict[str, Any] = {
    "image_size": 8,
    "patch_size": 4,
    "dim": 16,
    "depth": 2,
    "mlp_dim": 24,
    "num_classes": 3,
}


def fill(module: nn.Module) -> nn.Module:
    """Returns the module with values that depend on each parameter's name alone."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            generator = torch.Generator().manual_seed(sum(name.encode()))
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
    return module.eval()


def fixed_image() -> torch.Tensor:
    """Returns one image: the first releases take no more."""
    return torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def describe(module: nn.Module) -> dict[str, Any]:
    """Returns a module's shapes by their keys, and what it gives."""
    with torch.no_grad():
        logits = fill(module)(fixed_image())
    shapes = {key: list(value.shape) for key, value in module.state_dict().items()}
    return {"shapes": shapes, "logits": logits[0].tolist()}


def forms(era: str) -> list[dict[str, Any]]:
    """Returns the arguments that an era is tried with, in our words."""
    if era.startswith("simple_"):
        return [{"num_heads": 2, "head_dim": 8}, {"num_heads": 1, "head_dim": 16}]
    if not ERAS[era].head_dim:
        return [{"num_heads": 2}]
    widths: list[dict[str, Any]] = [
        {"num_heads": 2, "head_dim": 8},
        {"num_heads": 2, "head_dim": 4},
        {"num_heads": 1, "head_dim": 16},
    ]
    if not ERAS[era].pools:
        return widths
    return [{**width, "pool": pool} for pool in ("cls", "mean") for width in widths]


def load(wheels: Path, release: str, kind: str) -> type[nn.Module]:
    """Returns a class of a release."""
    names = ("vit", "vit_pytorch") if kind == "ViT" else ("simple_vit",)
    with zipfile.ZipFile(next(wheels.glob(f"vit_pytorch-{release}-*.whl"))) as wheel:
        paths = [f"vit_pytorch/{name}.py" for name in names]
        path = next(path for path in paths if path in wheel.namelist())
        source = wheel.read(path).decode()
    scope: dict[str, Any] = {}
    exec(source.replace("MIN_NUM_PATCHES = 16", "MIN_NUM_PATCHES = 0"), scope)
    return scope[kind]


def main() -> None:
    wheels = Path(sys.argv[1])
    releases = {name: (era.release, "ViT") for name, era in ERAS.items()}
    releases |= {f"simple_{k}": (v, "SimpleViT") for k, v in RELEASES.items()}
    found = {}
    for era, (release, kind) in releases.items():
        found[era] = []
        for form in forms(era):
            words = {"num_heads": "heads", "head_dim": "dim_head"}
            told = {words.get(key, key): value for key, value in form.items()}
            module = load(wheels, release, kind)(**SIZES, **told)
            found[era].append({"form": form, **describe(module)})
    FILE.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
