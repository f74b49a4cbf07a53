"""What fits a file instead of the model that was asked for."""

import re
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.presets import PRESETS
from vit_jax.weights.detect import infer_config, told_by_shapes
from vit_jax.weights.faults import ConversionError
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import Layout, make_plan

Tensors = Mapping[str, NDArray[Any]]


def find_mend(tensors: Tensors, config: ViTConfig) -> str:
    """Returns which fields or presets fit a file that a config's model does not fit.

    Empty where nothing is known that does.
    """
    try:
        inferred = infer_config(tensors, num_heads=1)
    except InputError:
        return name_presets(tensors)
    if not _fits(tensors, find_layout("timm"), inferred):
        return name_presets(tensors)
    found, asked = told_by_shapes(inferred), told_by_shapes(config)
    different = [
        f"{name}={found[name]!r} (asked for {asked[name]!r})"
        for name in found
        if found[name] != asked[name]
    ]
    if not different:
        return ""
    mend = f"The file's shapes say: {', '.join(different)}. Ask for these to load it."
    alike = [p.name for p in PRESETS.values() if told_by_shapes(p.config) == found]
    return f"{mend} That is {' or '.join(alike)}." if alike else mend


def name_presets(tensors: Tensors) -> str:
    """Returns a sentence that names the presets which a file fits, if any."""
    names = fitting_presets(tensors)
    return f"The file fits the preset {' or '.join(names)}." if names else ""


def fitting_presets(tensors: Tensors) -> list[str]:
    """Returns the presets whose every tensor a file has, whatever its classes are."""
    patches, head = tensors.get("patch_embed.proj.weight"), tensors.get("head.weight")
    blocks = [re.match(r"blocks\.(\d+)\.", key) for key in tensors]
    if patches is None or not any(blocks):
        return []
    depth = 1 + max(int(match[1]) for match in blocks if match)
    alike = (
        preset
        for preset in PRESETS.values()
        if (preset.config.embed_dim, preset.config.depth) == (len(patches), depth)
    )
    num_classes = 0 if head is None else len(head)
    return [
        preset.name
        for preset in alike
        if _fits(
            tensors,
            find_layout(preset.layout),
            preset.config.replace(num_classes=num_classes),
        )
    ]


def _fits(tensors: Tensors, layout: Layout, config: ViTConfig) -> bool:
    try:
        plan = make_plan(layout, config)
    except ConversionError:
        return False
    return not plan.find_faults({key: tensors[key].shape for key in tensors})
