"""Every ViT entry point of timm: its shapes at full size, its numbers shrunken."""

import dataclasses
from typing import Any
from unittest import mock

import numpy as np
import timm
import torch

from tests.models import random_images
from tests.parity.references import randomise, tensors_of
from vit_jax.config import ViTConfig
from vit_jax.model.params import bind
from vit_jax.presets import PRESETS, Preset
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.parity import ParityReport, parity
from vit_jax.weights.recognise.detect import detect

MODULES = ("vision_transformer", "deit", "eva", "beit")

# Rounding of two blocks is below 1e-6 (torch against itself: 1.4e-6 at full size).
TOLERANCE = 1e-5

# What a model is shrunk to; all else is as published.
EMBED_DIM, DEPTH, HEADS, PATCH, GRID = 96, 2, 4, 8, (2, 3)


def entry_points() -> list[str]:
    """Returns the names that the installed timm has."""
    return [name for module in MODULES for name in timm.list_models(module=module)]


@dataclasses.dataclass(frozen=True)
class Result:
    """What was found of one entry point; empty and None where all is well."""

    name: str
    faults: tuple[str, ...] = ()
    report: ParityReport | None = None

    @property
    def ok(self) -> bool:
        """Whether shapes, numbers and the way back all agree."""
        return not self.faults and self.report is not None and self.report.ok


def check(name: str) -> Result:
    """Returns what an entry point's shapes, numbers and way back are like."""
    if name not in PRESETS:
        return Result(name, ("there is no preset",))
    preset = PRESETS[name]
    faults = (*full_size_faults(preset), *pixel_faults(preset))
    if faults:
        return Result(name, faults)
    reference, config = shrink(preset)
    report, back = compare(reference, config, preset.layout)
    return Result(name, () if back else ("the way back is not exact",), report)


def wiring(preset: Preset) -> tuple[Any, ...]:
    """Returns all that a preset is beside the sizes that shrinking sets."""
    sizes = ("image_size", "patch_size", "embed_dim", "depth", "num_heads", "mlp_dim")
    ratio = preset.config.mlp_dim / preset.config.embed_dim
    changes = preset.changes().items()
    kept = tuple(item for item in changes if item[0] not in sizes)
    return preset.layout, ratio, bool(preset.config.num_classes), *kept


def full_size_faults(preset: Preset) -> tuple[str, ...]:
    """Returns which keys and shapes of the real model ours does not account for."""
    # Drawing initial values that nobody reads takes most of the time.
    draw = mock.patch(
        "timm.layers.weight_init._trunc_normal_", lambda tensor, *_: tensor
    )
    with torch.device("meta"), draw:
        module = timm.create_model(preset.name)
    shapes = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    plan = make_plan(find_layout(preset.layout), preset.config)
    # One number for all: a full-size tensor would take memory.
    tensors = {k: np.broadcast_to(np.float32(0), shapes[k]) for k in shapes}
    found = detect(tensors)
    named = preset.name in found.inference.presets and not found.faults
    faults = tuple(map(str, plan.find_faults(shapes)))
    return faults if named else (*faults, "not recognised by its shapes")


def pixel_faults(preset: Preset) -> tuple[str, ...]:
    """Returns what differs in the statistics of the entry point's default weights."""
    cfg = timm.get_pretrained_cfg(preset.name)
    assert cfg is not None
    ours = (preset.pixels.mean, preset.pixels.std)
    theirs = (tuple(cfg.mean), tuple(cfg.std))
    return () if ours == theirs else (f"pixels {ours}, timm has {theirs}",)


def shrink(preset: Preset) -> tuple[torch.nn.Module, ViTConfig]:
    """Returns timm's model with other sizes and random parameters, and its config."""
    full = preset.config
    rest = 5 * full.drop_remainder
    image_size = (GRID[0] * PATCH + rest, GRID[1] * PATCH + rest)
    kv_heads = (HEADS, HEADS // 2) if full.num_kv_heads else None
    arguments: dict[str, Any] = {}
    if "sapiens2" in preset.name:  # their default has a number for each block
        arguments["num_kv_heads"] = kv_heads or (HEADS,) * DEPTH
    module = timm.create_model(
        preset.name,
        img_size=image_size,
        patch_size=PATCH,
        embed_dim=EMBED_DIM,
        depth=DEPTH,
        num_heads=HEADS,
        num_classes=full.num_classes and 5,
        **arguments,
    )
    ratio = EMBED_DIM / full.embed_dim
    config = full.replace(
        image_size=image_size,
        patch_size=PATCH,
        embed_dim=EMBED_DIM,
        depth=DEPTH,
        num_heads=HEADS,
        num_kv_heads=kv_heads,
        num_classes=full.num_classes and 5,
        mlp_dim=hidden_width(module),
        pool_mlp_dim=full.pool_mlp_dim and int(full.pool_mlp_dim * ratio),
    )
    return randomise(module, seed=1), config


def hidden_width(module: torch.nn.Module) -> int:
    """Returns the MLP's width, which timm rounds in its own way."""
    ends = ("mlp.fc2.weight", "mlp_out_proj.weight", "0.out_proj.weight")
    shapes = {k: v.shape for k, v in module.state_dict().items() if "blocks.0" in k}
    (width,) = {shape[1] for key, shape in shapes.items() if key.endswith(ends)}
    return width - EMBED_DIM * any(key.endswith(ends[2]) for key in shapes)


def compare(
    reference: torch.nn.Module, config: ViTConfig, layout: str
) -> tuple[ParityReport, bool]:
    """Returns the parity of all stages, and whether the tensors come back exactly."""
    tensors, plan = tensors_of(reference), make_plan(find_layout(layout), config)
    params = plan.to_ours(tensors)
    model, images = bind(config, params), random_images(config)
    report = parity(model, reference, images, tolerance=TOLERANCE, layout=layout)
    back = plan.to_theirs(params)
    state = {key: torch.from_numpy(np.array(value)) for key, value in back.items()}
    reference.load_state_dict(state, strict=True)
    same = (back[key].tobytes() == tensors[key].tobytes() for key in tensors)
    return report, back.keys() == tensors.keys() and all(same)
