"""What stands beside weights in a publisher's folder: config and preprocessing."""

import dataclasses
from pathlib import Path
from typing import Any

from vit_jax.errors import InputError
from vit_jax.pixels import Pixels
from vit_jax.weights.files import SUFFIXES
from vit_jax.weights.folders import huggingface, open_clip, timm
from vit_jax.weights.folders.side_json import read_json

WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "flax_model.msgpack",
)
"""Names of weights in folders, the preferred first."""
CONFIG = "config.json"
OPEN_CLIP = "open_clip_config.json"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
"""Where version 5 of transformers puts it for models of images and texts."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SideFiles:
    """A weights file, and what the files beside it say of its model."""

    weights: Path
    fields: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Of ViTConfig."""
    pixels: Pixels | None = None
    class_names: tuple[str, ...] = ()


def read_side_files(path: Path) -> SideFiles:
    """Returns the weights file of a path, with what stands beside it.

    Args:
      path: a folder; or a weights file, beside which files count if it has one of the
        names that folders use, or is the only one there.

    Raises:
      InputError: no weights in a folder, or several of which none has a usual name; a
        file beside them that is damaged, or tells of what is not known here.
    """
    if path.is_dir():
        return _read_beside(_choose_weights(path))
    if path.name in WEIGHTS or _list_weights(path.parent) == [path.name]:
        return _read_beside(path)
    return SideFiles(weights=path)


def _choose_weights(folder: Path) -> Path:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    found = _list_weights(folder)
    if len(found) == 1:
        return folder / found[0]
    there = ", ".join(found or sorted(p.name for p in folder.iterdir())[:5])
    raise InputError(
        f"{folder} holds no weights of a usual name ({', '.join(WEIGHTS)}), and not"
        f" one file alone with a suffix of {', '.join(SUFFIXES)}. There is"
        f" {there or 'nothing'}: give the path of a file."
    )


def _list_weights(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.suffix in SUFFIXES)


def _read_beside(weights: Path) -> SideFiles:
    """Returns what the files in the folder of a weights file say."""
    folder = weights.parent
    if (folder / OPEN_CLIP).is_file():
        fields, pixels = open_clip.read_config(read_json(folder / OPEN_CLIP))
        return SideFiles(weights=weights, fields=fields, pixels=pixels)
    if not (folder / CONFIG).is_file():
        return SideFiles(weights=weights, pixels=_read_pixels(folder))
    values = read_json(folder / CONFIG)
    if "architecture" in values.values:
        fields, pixels, names = timm.read_config(values)
    elif "model_type" in values.values:
        fields, names = huggingface.read_config(values)
        pixels = _read_pixels(folder)
    else:
        return SideFiles(weights=weights)
    return SideFiles(weights=weights, fields=fields, pixels=pixels, class_names=names)


def _read_pixels(folder: Path) -> Pixels | None:
    if (folder / PREPROCESSOR).is_file():
        return huggingface.read_pixels(read_json(folder / PREPROCESSOR))
    if (folder / PROCESSOR).is_file():
        values = read_json(folder / PROCESSOR).inner("image_processor")
        return huggingface.read_pixels(values)
    return None
