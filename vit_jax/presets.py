"""Presets: a published model's name -> its config, pixels, layout and source."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError, near
from vit_jax.pixels import Pixels
from vit_jax.published import FAMILIES, MODELS, NOTEBOOKS, SIZES, Changes, Row


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """What a published model is, under the name that timm gives it."""

    name: str
    config: ViTConfig
    pixels: Pixels
    layout: str
    """Name of the layout in which its weights are published."""
    source: str
    """The papers' numbers at arXiv, or who made it where there is no paper."""

    def changes(self) -> dict[str, Any]:
        """Returns the fields of the config that differ from ViT-B/16's."""
        fields = dataclasses.fields(ViTConfig)
        values = {field.name: getattr(self.config, field.name) for field in fields}
        return {f.name: values[f.name] for f in fields if values[f.name] != f.default}


def find_preset(name: str) -> Preset:
    """Returns the preset of a name.

    Raises:
      InputError: there is none; the message names the nearest.
    """
    if name not in PRESETS:
        raise InputError(
            f"there is no preset {name!r}.{near(name, PRESETS, count=3)}"
            " `vit-jax presets` lists them."
        )
    return PRESETS[name]


def _published(row: Row) -> Iterator[Preset]:
    family = FAMILIES[row.family]
    patch = re.search(r"patch(\d+)", row.name)
    for size in row.sizes.split():
        embed_dim, depth, num_heads, mlp_dim = (SIZES | family.sizes)[size]
        changes: Changes = {
            "patch_size": int(patch[1]) if patch else 16,
            "embed_dim": embed_dim,
            "depth": depth,
            "num_heads": num_heads,
            "mlp_dim": mlp_dim,
            **family.changes,
            **row.changes,
        }
        name = row.name.format(size=size)
        images = {f"{name}_{image}": {"image_size": image} for image in row.image_sizes}
        named: dict[str, Changes] = {**images} or {name: {}}
        for full_name, image_size in named.items():
            yield Preset(
                name=full_name,
                config=ViTConfig(**{**changes, **image_size}),
                pixels=row.pixels or family.pixels,
                layout=family.layout,
                source=family.source,
            )


def _notebooks() -> Iterator[Preset]:
    for notebook in NOTEBOOKS:
        yield Preset(
            name=notebook.name,
            config=ViTConfig(**notebook.changes),
            pixels=notebook.pixels,
            layout=notebook.layout,
            source=" ".join(notebook.name.split("_")[:2]),
        )


def _make_presets() -> dict[str, Preset]:
    presets: dict[str, Preset] = {}
    for preset in (*(p for row in MODELS for p in _published(row)), *_notebooks()):
        assert preset.name not in presets, f"two rows make {preset.name}"
        presets[preset.name] = preset
    return presets


PRESETS = _make_presets()
