"""What benchmarks.speed measures, and on what."""

import datetime
import importlib.metadata
import os
import platform
from typing import Any

from vit_jax.flops import count_forward, count_training
from vit_jax.model.params import param_shapes
from vit_jax.presets import PRESETS

MODELS = {
    "Ti": "vit_tiny_patch16_224",
    "S": "vit_small_patch16_224",
    "B": "vit_base_patch16_224",
    "L": "vit_large_patch16_224",
}
PACKAGES = ("jax", "flax", "torch", "timm", "transformers", "equimo")


def find_flops(model: str, kind: str) -> int:
    """Returns an image's FLOP, without the gradient of the image."""
    config = PRESETS[MODELS[model]].config
    if kind == "forward":
        return count_forward(config)
    return count_training(config, param_shapes(config))


def find_sizes(model: str) -> dict[str, Any]:
    """Returns the sizes of a model, for those that do not know our presets."""
    config = PRESETS[MODELS[model]].config
    names = ("embed_dim", "depth", "num_heads")
    return {"preset": MODELS[model], **{name: getattr(config, name) for name in names}}


def describe_machine() -> dict[str, Any]:
    """Returns what figures depend on: date, device, cores, versions, huge pages."""
    import jax

    versions = dict[str, str]()
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": datetime.date.today().isoformat(),
        "device": jax.devices()[0].device_kind,
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "huge_pages": "hugetlb=1" in os.environ.get("GLIBC_TUNABLES", ""),
        "python": platform.python_version(),
        **versions,
    }
