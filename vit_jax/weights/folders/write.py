"""Complete folders that transformers or timm opens as they are."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.release import Release
from vit_jax.weights.choose import NOT_ARCHITECTURE
from vit_jax.weights.files import write_tensors
from vit_jax.weights.folders.read import CONFIG, PREPROCESSOR, read_side_files
from vit_jax.weights.folders.write_huggingface import CLASSES, huggingface_files
from vit_jax.weights.folders.write_timm import TIMM_LAYOUTS, timm_files
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.recognise.detect import detect

WEIGHTS = "model.safetensors"
JSON = Mapping[str, Mapping[str, Any]]
FORMS: dict[str, Callable[[Release, str], JSON]] = {
    **dict.fromkeys(CLASSES, huggingface_files),
    **dict.fromkeys(TIMM_LAYOUTS, timm_files),
}
"""What makes the JSON files of a layout's folders."""
# What no file tells of a model: how it is trained here, and how it is computed.
UNTOLD = {*NOT_ARCHITECTURE} - {"image_size", "in_channels", "num_classes"}


def write_folder(folder: Path, release: Release, layout: str) -> None:
    """Writes a model's folder for a publisher's code, whole or not at all.

    An older one is replaced. What was written is read again before it counts: a model
    that the publisher's code would compute otherwise is refused.

    Args:
      layout: whose folder. Of layouts that version 5 of transformers has in memory,
        files have the names of their twins.

    Raises:
      InputError: the folder exists and holds something else, the layout has no folders,
        or the publisher's code has no such model.
      ConversionError: the layout has no place for a parameter.
    """
    folder, name = folder.absolute(), _find_form(layout)
    _refuse_others(folder)
    tensors = make_plan(find_layout(name), release.config).to_theirs(
        {key: np.asarray(array) for key, array in release.params.items()},
        release.extras if _is_twin(release.layout, name) else {},
    )
    # Names without a process id: what a kill left is found and cleared away.
    part, old = (folder.with_name(f".{folder.name}.{end}") for end in ("part", "old"))
    for left in (part, old):
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for file, values in FORMS[name](release, name).items():
            (part / file).write_text(json.dumps(values, indent=2) + "\n")
        write_tensors(part / WEIGHTS, tensors)
        _refuse_another(part, release, name)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _is_twin(one: str | None, other: str) -> bool:
    """Returns whether two layouts are of one class, whose extras have one name."""
    return (one or "").removesuffix("_v5") == other


def _find_form(layout: str) -> str:
    """Returns the layout of the files in a layout's folders."""
    name = find_layout(layout).name
    for known in (name, name.removesuffix("_v5")):
        if known in FORMS:
            return known
    raise InputError(
        f"the {layout} layout has no folders, only files. Those of"
        f" {', '.join(FORMS)} have."
    )


def _refuse_others(folder: Path) -> None:
    if not folder.exists():
        return
    written = {WEIGHTS, CONFIG, PREPROCESSOR}
    found = folder.iterdir() if folder.is_dir() else [folder]
    others = sorted(path.name for path in found if path.name not in written)
    if others:
        raise InputError(
            f"{folder} exists and holds {', '.join(others[:3])}, which no folder of"
            " weights that is written here does: give another name."
        )


def _refuse_another(part: Path, release: Release, layout: str) -> None:
    """Raises InputError if a folder does not hold the model that it should."""
    side = read_side_files(part)
    shapes = make_plan(find_layout(layout), release.config)
    tensors = {move.theirs: np.empty(move.shape, np.bool_) for move in shapes.moves}
    found = detect(tensors, side.fields, layout=layout)
    differing = _differences(release.config, found.inference.config)
    if differing or found.faults:
        told = "; ".join([*differing, *(f"{f.kind} {f.key}" for f in found.faults)])
        raise InputError(
            f"a {layout} folder does not hold this model: {told}. Keep it as a folder"
            " of ours, or write its weights alone to a file."
        )


def _differences(ours: ViTConfig, theirs: ViTConfig) -> list[str]:
    """Returns the fields whose values differ, where that makes another model."""
    tiled = all(
        size == count * patch
        for size, count, patch in zip(
            ours.image_shape, ours.grid, ours.patch_shape, strict=False
        )
    )
    without = UNTOLD | ({"drop_remainder"} if tiled else set())
    names = [f.name for f in dataclasses.fields(ours) if f.name not in without]
    values = {name: (getattr(ours, name), getattr(theirs, name)) for name in names}
    return [
        f"{name}={mine!r}, and it would be {other!r}"
        for name, (mine, other) in values.items()
        if mine != other
    ]
