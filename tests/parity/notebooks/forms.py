"""Each notebook as written and as meant: its module, its preset, its layout."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from torch import nn

from tests.parity.notebooks import (
    notebook_000,
    notebook_001,
    notebook_002,
    notebook_003,
    notebook_004,
)
from tests.parity.references import randomise, tensors_of
from vit_jax.config import ViTConfig
from vit_jax.model.params import bind
from vit_jax.model.vit import VisionTransformer
from vit_jax.presets import PRESETS
from vit_jax.weights.layout import Layout
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.layouts.d2l import D2L
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.layouts.torch_encoder import TORCH_ENCODER, TORCH_ENCODER_BARE
from vit_jax.weights.mapping import make_plan

LUCIDRAINS_2021 = find_layout("lucidrains_2021_03_29")


def build_000(c: ViTConfig, intended: bool) -> nn.Module:
    return notebook_000.VisionTransformer(
        img_size=c.image_shape[0],
        patch_size=c.patch_shape[0],
        embed_dim=c.embed_dim,
        depth=c.depth,
        num_heads=c.num_heads,
        hidden_dim=c.mlp_dim,
        num_classes=c.num_classes,
        intended=intended,
    )


def build_001(c: ViTConfig, intended: bool) -> nn.Module:
    return notebook_001.Vit(
        img_size=c.image_shape[0],
        patch_size=c.patch_shape[0],
        num_blocks=c.depth,
        heads=c.num_heads,
        dropout=c.attn_dropout,
        classes=c.num_classes,
        intended=intended,
    )


def build_002(_: ViTConfig, intended: bool) -> nn.Module:
    # The preset as written has no head: the notebook's reads no image.
    kind = notebook_002.Notebook002 if intended else notebook_002.Encoder
    return kind(intended=intended)


def build_003(_: ViTConfig, intended: bool) -> nn.Module:
    return notebook_003.ViT(intended=intended)


def build_004(c: ViTConfig, intended: bool) -> nn.Module:
    return notebook_004.ViT(
        image_size=c.image_shape[0],
        patch_size=c.patch_shape[0],
        num_classes=c.num_classes,
        dim=c.embed_dim,
        depth=c.depth,
        heads=c.num_heads,
        mlp_dim=c.mlp_dim,
        dim_head=c.dim_per_head,
        intended=intended,
    )


# Compared by identity: dicts have no hash.
@dataclasses.dataclass(frozen=True, eq=False)
class Form:
    """A notebook as written or as meant, and the preset that is the same."""

    preset: str
    layout: Layout
    build: Callable[[ViTConfig, bool], nn.Module]
    tiny: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What makes the preset small."""
    mended: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What mends the notebook and changes no parameter."""

    @property
    def config(self) -> ViTConfig:
        """The preset, small."""
        return PRESETS[self.preset].config.replace(**self.tiny)

    def reference(self, config: ViTConfig) -> nn.Module:
        """Returns the notebook's module for a config of the same kind."""
        return self.build(config, self.preset.endswith("intended"))


TINY_000 = {"image_size": 28, "patch_size": 14, "embed_dim": 48, "mlp_dim": 96}
TINY_001 = {"image_size": 12, "patch_size": 4, "embed_dim": 48, "mlp_dim": 96}
TINY_004 = {**TINY_000, "num_heads": 3, "num_classes": 5, "depth": 2}
# lucidrains leaves out the attention's output layer here.
ONE_HEAD = {**TINY_004, "num_heads": 1, "head_dim": 48, "attn_proj": False}

FORMS = (
    Form(
        "notebook_000_literal",
        TIMM,
        build_000,
        {**TINY_000, "depth": 2, "attn_scale": 48**-0.5},
        {"attn_scale": None},
    ),
    Form("notebook_000_intended", TIMM, build_000, {**TINY_000, "depth": 2}),
    Form("notebook_001_literal", D2L, build_001, TINY_001, {"block": "pre"}),
    Form("notebook_001_intended", D2L, build_001, TINY_001),
    Form(
        "notebook_002_literal",
        TORCH_ENCODER_BARE,
        build_002,
        mended={"attend_over": "tokens"},
    ),
    Form("notebook_002_intended", TORCH_ENCODER_BARE, build_002),
    Form(
        "notebook_003_literal",
        TORCH_ENCODER,
        build_003,
        mended={"attend_over": "tokens"},
    ),
    Form("notebook_003_intended", TORCH_ENCODER, build_003),
    Form(
        "notebook_004_literal",
        LUCIDRAINS_2021,
        build_004,
        TINY_004,
        {"attn_scale": None},
    ),
    Form("notebook_004_intended", LUCIDRAINS_2021, build_004, TINY_004),
    Form("notebook_004_intended", LUCIDRAINS_2021, build_004, ONE_HEAD),
)


def by_name(name: str) -> Form:
    """Returns the form of a preset."""
    return next(form for form in FORMS if form.preset == name)


@functools.cache
def build(form: Form) -> tuple[ViTConfig, nn.Module, VisionTransformer]:
    """Returns a form's config, its module with random parameters, and our model."""
    config = form.config
    # 004 as written scales logits up: a gain of 1.5 saturates its softmax, and then
    # torch in float32 is itself 5e-6 from float64.
    reference = randomise(form.reference(config), seed=1, gain=0.5)
    params = make_plan(form.layout, config).to_ours(tensors_of(reference))
    return config, reference, bind(config, params)
