"""The config.json of a folder that timm opens (`local-dir:FOLDER`).

Source: timm/models/_hub.py, save_config_for_hf (timm 1.0.31).
"""

import dataclasses
from typing import Any

from vit_jax.architecture import pair
from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.presets import PRESETS, Preset
from vit_jax.release import Release
from vit_jax.weights.choose import NOT_ARCHITECTURE
from vit_jax.weights.folders.read import CONFIG
from vit_jax.weights.folders.timm import ARGUMENTS, write_arguments

Fields = dict[str, Any]

TIMM_LAYOUTS = (
    "timm",
    "timm_split_glu",
    "timm_eva",
    "timm_eva_split_glu",
    "timm_eva_split_qkv",
    "timm_eva_split_qkv_glu",
)
# What a published model and one that its class makes may differ in unseen: fields that
# are told outside of model_args, or by others.
UNTOLD = {*NOT_ARCHITECTURE, "drop_remainder"} - {"image_size"}


def timm_files(release: Release, layout: str) -> dict[str, Fields]:
    """Returns the config.json of a layout's folder.

    Raises:
      InputError: no architecture of timm's becomes this model by its arguments.
    """
    config = release.config
    preset, arguments = _choose_architecture(config, layout)
    rows, columns = pair(config.image_size)
    told: Fields = {
        "architecture": preset.name,
        "num_classes": config.num_classes,
        "num_features": config.embed_dim,
        "global_pool": ARGUMENTS["global_pool"].write(config.pool),
        "pretrained_cfg": {
            "input_size": [config.in_channels, rows, columns],
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "crop_pct": 0.9 if max(rows, columns) <= 224 else 1.0,
            "crop_mode": "center",
            "mean": list(release.pixels.mean),
            "std": list(release.pixels.std),
            "num_classes": config.num_classes,
            "first_conv": "patch_embed.proj",
            "classifier": ["head", "head_dist"] if config.distill_token else "head",
        },
    }
    if arguments:
        told["model_args"] = arguments
    if release.class_names:
        told["label_names"] = list(release.class_names)
    return {CONFIG: told}


def _choose_architecture(config: ViTConfig, layout: str) -> tuple[Preset, Fields]:
    """Returns the published model with the fewest arguments that make it a config."""
    names = {field.name for field in dataclasses.fields(config)} - UNTOLD
    found: list[tuple[Preset, Fields]] = []
    for preset in PRESETS.values():
        if preset.layout == layout:
            made = write_arguments(preset.config, config, names, layout)
            found += [(preset, made)] if made is not None else []
    if not found:
        raise InputError(
            f"no architecture of timm's in the {layout} layout becomes this model by"
            " its arguments. Keep it as a folder of ours."
        )
    return min(found, key=lambda item: len(item[1]))
