"""Published models: name -> Preset(config, pixels, source)."""

import dataclasses
from typing import Any

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError, near
from vit_jax.pixels import HALF, IMAGENET, Pixels


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """What a published model is, under the name that timm gives it."""

    name: str
    config: ViTConfig
    pixels: Pixels
    source: str


VIT = "arXiv:2010.11929, 2106.10270"
DEIT = "arXiv:2012.12877"
DEIT3 = "arXiv:2204.07118"

# embed_dim, depth, num_heads, mlp_dim
SIZES = {
    "tiny": (192, 12, 3, 768),
    "small": (384, 12, 6, 1536),
    "medium": (512, 12, 8, 2048),
    "base": (768, 12, 12, 3072),
    "large": (1024, 24, 16, 4096),
    "huge": (1280, 32, 16, 5120),
}

# family, size, patch, image sizes
ROWS = (
    ("vit", "tiny", 16, (224, 384)),
    ("vit", "small", 32, (224, 384)),
    ("vit", "small", 16, (224, 384)),
    ("vit", "base", 32, (224, 384)),
    ("vit", "base", 16, (224, 384)),
    ("vit", "base", 8, (224,)),
    ("vit", "large", 32, (224, 384)),
    ("vit", "large", 16, (224, 384)),
    ("vit", "large", 14, (224,)),
    ("vit", "huge", 14, (224,)),
    ("deit", "tiny", 16, (224,)),
    ("deit", "small", 16, (224,)),
    ("deit", "base", 16, (224, 384)),
    ("deit_distilled", "tiny", 16, (224,)),
    ("deit_distilled", "small", 16, (224,)),
    ("deit_distilled", "base", 16, (224, 384)),
    ("deit3", "small", 16, (224, 384)),
    ("deit3", "medium", 16, (224,)),
    ("deit3", "base", 16, (224, 384)),
    ("deit3", "large", 16, (224, 384)),
    ("deit3", "huge", 14, (224,)),
)

# What a family changes in ViTConfig, its pixels, its paper, the end of its names.
FAMILIES: dict[str, tuple[dict[str, Any], Pixels, str]] = {
    "vit": ({}, HALF, VIT),
    "deit": ({}, IMAGENET, DEIT),
    "deit_distilled": ({"distill_token": True}, IMAGENET, DEIT),
    "deit3": ({"layer_scale": 1e-6, "position_on_prefix": False}, IMAGENET, DEIT3),
}


def _make_presets() -> dict[str, Preset]:
    presets: dict[str, Preset] = {}
    for family, size, patch, image_sizes in ROWS:
        changes, pixels, source = FAMILIES[family]
        embed_dim, depth, num_heads, mlp_dim = SIZES[size]
        word, _, kind = family.partition("_")
        for image_size in image_sizes:
            parts = (word, size, kind, f"patch{patch}", str(image_size))
            name = "_".join(part for part in parts if part)
            config = ViTConfig(
                image_size=image_size,
                patch_size=patch,
                embed_dim=embed_dim,
                depth=depth,
                num_heads=num_heads,
                mlp_dim=mlp_dim,
            ).replace(**changes)
            presets[name] = Preset(
                name=name, config=config, pixels=pixels, source=source
            )
    return presets


PRESETS = _make_presets()


def find_preset(name: str) -> Preset:
    """Returns the preset of a name.

    Raises:
      InputError: there is none; the message names the nearest.
    """
    if name not in PRESETS:
        raise InputError(
            f"there is no preset {name!r}.{near(name, PRESETS)}"
            " `vit-jax presets` lists them."
        )
    return PRESETS[name]
