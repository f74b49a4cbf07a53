"""A model that can be used, in a folder: parameters, and a card of what they mean.

The folder holds `params/`, `model.json` (config, pixel statistics, class names), what
came beside the parameters in `extras/`, and a manifest of all.
"""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vit_jax.arrays import CheckpointError, load_params, save_params, whole
from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.manifest import MANIFEST, write_manifest
from vit_jax.model.params import param_shapes
from vit_jax.pixels import Pixels
from vit_jax.records import from_fields, to_fields


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release:
    """A model that can be used: parameters, and what they expect and mean."""

    config: ViTConfig
    params: dict[str, NDArray[Any]]
    pixels: Pixels
    class_names: tuple[str, ...]
    """One for each class, or none where they are not known."""
    layout: str | None = None
    """In which the weights came; None where they were trained here."""
    extras: dict[str, NDArray[Any]] = dataclasses.field(default_factory=dict[str, Any])
    """Tensors that came beside the model's, under the layout's names."""

    def __post_init__(self) -> None:
        assert len(self.pixels.mean) == self.config.in_channels
        assert len(self.class_names) in (0, self.config.num_classes)


CARD = "model.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Card:
    """What stands in model.json: a release but for its parameters."""

    config: ViTConfig
    pixels: Pixels
    class_names: tuple[str, ...]
    layout: str | None = None


def save_release(folder: Path, release: Release) -> None:
    """Writes a model's folder, whole or not at all; an older one is replaced.

    Raises:
      InputError: the folder exists and holds something else.
    """
    folder = folder.absolute()
    if folder.exists():
        written = {CARD, MANIFEST, "params", "extras"}
        others = [path.name for path in folder.iterdir() if path.name not in written]
        if others:
            raise InputError(
                f"{folder} exists and holds {', '.join(sorted(others)[:3])}, which no"
                " model's folder does: give another name."
            )
    # Names without a process id: what a kill left is found and cleared away.
    part, old = (folder.with_name(f".{folder.name}.{end}") for end in ("part", "old"))
    for left in (part, old):
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        save_params(part / "params", release.params)
        if release.extras:
            save_params(part / "extras", release.extras)
        card = _Card(
            config=release.config,
            pixels=release.pixels,
            class_names=release.class_names,
            layout=release.layout,
        )
        (part / CARD).write_text(json.dumps(to_fields(card), indent=1) + "\n")
        write_manifest(part)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_release(folder: Path) -> bool:
    """Returns whether a folder holds a model of ours, or is of a finished run."""
    return (folder / CARD).is_file() or (folder / "model" / CARD).is_file()


def load_release(folder: Path) -> Release:
    """Returns the model in a release's folder, or in the folder of a finished run.

    Raises:
      CheckpointError: there is none, or it is damaged.
    """
    folder = folder.absolute()
    if not (folder / CARD).is_file() and (folder / "model" / CARD).is_file():
        folder = folder / "model"
    if not (folder / CARD).is_file():
        raise CheckpointError(
            f"{folder} holds no model: expected {CARD} in it or in {folder / 'model'},"
            " which a run writes when it ends. Start an unfinished run's command again"
            " to finish it."
        )
    with whole(folder):
        card: _Card = from_fields(_Card, json.loads((folder / CARD).read_text()))
        params = load_params(folder / "params")
        kept = folder / "extras"
        extras = load_params(kept) if kept.is_dir() else {}
        shapes = {name: array.shape for name, array in params.items()}
        if shapes != param_shapes(card.config):
            raise ValueError("its parameters are not those of its config")
    return Release(
        config=card.config,
        params=params,
        pixels=card.pixels,
        class_names=card.class_names,
        layout=card.layout,
        extras=extras,
    )
