"""In which layout a model is written, and what the code that opens it will not do."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from vit_jax.architecture import TRAINING
from vit_jax.config import ViTConfig
from vit_jax.presets import PRESETS
from vit_jax.weights.faults import ConversionError
from vit_jax.weights.layout import Layout
from vit_jax.weights.layouts import LAYOUTS, find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.recognise.infer import OPEN, evaluate

NOT_ARCHITECTURE = ("image_size", "in_channels", "num_classes", *TRAINING)


def choose_layout(config: ViTConfig) -> str:
    """Returns the layout of the published model of an architecture, or one that fits.

    Raises:
      ConversionError: no layout has a place for every parameter.
    """
    architecture = _architecture(config)
    for preset in PRESETS.values():
        if _architecture(preset.config) == architecture:
            return preset.layout
    for name in LAYOUTS:
        try:
            make_plan(find_layout(name), config)
        except ConversionError:
            continue
        return name
    raise ConversionError(
        "no layout has a place for all of this model's parameters",
        [],
        "Keep it as a folder: vit-jax convert SOURCE FOLDER.",
    )


def _architecture(config: ViTConfig) -> dict[str, Any]:
    """Returns the fields that a fine-tuned model shares with the published one."""
    fields = dataclasses.asdict(config)
    return {name: fields[name] for name in fields if name not in NOT_ARCHITECTURE}


def find_caveats(layout: Layout, config: ViTConfig) -> list[str]:
    """Returns where a publisher's code computes something else than a model does."""
    fields = dataclasses.asdict(config)
    fixed = evaluate(layout.fixed, fields)
    if layout.name.startswith("timm"):
        fixed |= _of_nearest_preset(layout, config)
    return [
        f"{name}={value!r} (this model: {fields[name]!r})"
        for name, value in fixed.items()
        if not _same(value, fields[name]) and _matters(name, config)
    ]


def _matters(name: str, config: ViTConfig) -> bool:
    """Returns whether a field changes what a model computes."""
    needs = {
        "pool_prefix": config.pool in ("mean", "map"),
        "pre_logits_activation": config.pre_logits is not None,
        "position_on": config.position != "none",
        "head_bias": config.num_classes > 0,
        "pool": config.num_classes > 0,
    }
    return needs.get(name, True)


def _of_nearest_preset(layout: Layout, config: ViTConfig) -> dict[str, Any]:
    """Returns what the published model of the same shapes computes.

    Of several the one that differs least from the config counts.
    """
    ours = _architecture(config)
    told = {name: ours[name] for name in ours if name not in OPEN}

    def computed() -> Iterator[dict[str, Any]]:
        for preset in PRESETS.values():
            theirs = _architecture(preset.config)
            if preset.layout == layout.name and told.items() <= theirs.items():
                yield {name: theirs[name] for name in OPEN if name in theirs}

    def differences(theirs: dict[str, Any]) -> int:
        return sum(theirs[name] != ours[name] for name in theirs)

    return min(computed(), key=differences, default={})


def _same(one: Any, two: Any) -> bool:
    return abs(one - two) <= 1e-9 * abs(two) if _are_floats(one, two) else one == two


def _are_floats(*values: Any) -> bool:
    return all(isinstance(value, float) for value in values)
