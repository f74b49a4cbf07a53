"""Hugging Face's CLIP, SigLIP and SigLIP 2: the image tower beside a text tower.

Files of version 4, and all on its hub, have `vision_model.` before the names of a tower
alone; version 5 leaves it out there, and takes both.

Source: transformers/models/{clip,siglip,siglip2}/modeling_*.py (transformers 5.23 and
4.57).
"""

from typing import Any

from vit_jax.weights.extras import ones, zeros
from vit_jax.weights.layout import Extra, Layout, Rule, Stage, prefixed
from vit_jax.weights.layouts.huggingface_rules import (
    CONV,
    FIXED,
    FLATTEN,
    fused,
    linear,
    norm,
    respelled,
)

_PREFIX = "vision_model."
_BLOCK = ("encoder.layers.{i}.", "blocks.{i}.")

_TOWER = (
    Rule("embeddings.patch_embedding.weight", "embed.proj.kernel", CONV),
    Rule("embeddings.patch_embedding.bias", "embed.proj.bias"),
    Rule("embeddings.position_embedding.weight", "embed.pos_embed", "n d -> 1 n d"),
    *norm({"layer_norm1": "norm1", "layer_norm2": "norm2"}, within=_BLOCK),
    *linear(
        {
            "self_attn.q_proj": "attn.q",
            "self_attn.k_proj": "attn.k",
            "self_attn.v_proj": "attn.v",
            "self_attn.out_proj": "attn.proj",
            "mlp.fc1": "mlp.fc1",
            "mlp.fc2": "mlp.fc2",
        },
        within=_BLOCK,
    ),
)
_LAST_NORM = norm({"post_layernorm": "norm"})

_CLASSIFIER = linear({"classifier": "head"})

# Written until transformers 4.31.
_IDS = Extra("embeddings.position_ids")
_TEXT = tuple(
    map(Extra, ("text_model.*", "text_projection.weight", "logit_scale", "logit_bias"))
)

_PATCHES = Stage("patches", "embeddings.patch_embedding", pattern=FLATTEN)
_BLOCKS = Stage("blocks.{i}", "encoder.layers.{i}")
_LOGITS = Stage("logits", "")
_CLASSIFIED = (Stage("pool", "classifier", "input"), _LOGITS)


def _layout(
    name: str,
    what: str,
    tower: tuple[Rule, ...],
    head: tuple[Rule, ...] = (),
    *,
    extras: tuple[Extra, ...] = (),
    inner: tuple[Stage, ...],
    outer: tuple[Stage, ...] = (_LOGITS,),
    fixed: dict[str, Any],
    usual: dict[str, Any],
) -> Layout:
    """Returns the layout of a class; `tower` and `inner` stages have the prefix."""
    return Layout(
        name=name,
        title=f"Hugging Face's {what}",
        rules=(*prefixed(_PREFIX, tower), *head),
        extras=(*prefixed(_PREFIX, (_IDS,)), *extras),
        stages=(*prefixed(_PREFIX, (*inner, _BLOCKS)), *outer),
        fixed={**FIXED, **fixed},
        usual=usual,
    )


# CLIP

_CLIP = (
    Rule("embeddings.class_embedding", "embed.cls_token", "d -> 1 1 d"),
    *norm({"pre_layrnorm": "embed.norm"}),
    *_TOWER,
)
_PROJECTION = (Rule("visual_projection.weight", "head.kernel", "o i -> i o"),)
_EMBED = Stage("embed", "pre_layrnorm")
_CLIP_USUAL = {"norm_eps": 1e-5, "activation": "quick_gelu"}


def _clip(
    name: str,
    what: str,
    head: tuple[Rule, ...] = (),
    extras: tuple[Extra, ...] = (),
    logits: str = "",
) -> Layout:
    """Returns the layout of a class that reads the class token.

    Args:
      logits: the module that gives them.
    """
    return _layout(
        name,
        what,
        (*_CLIP, *_LAST_NORM),
        head,
        extras=extras,
        inner=(_PATCHES, _EMBED, Stage("pool", "post_layernorm")),
        outer=(Stage("logits", logits),),
        fixed={"pool": "cls", "head_bias": not head},
        usual=_CLIP_USUAL,
    )


_CLIP_VISION = _clip("hf_clip_vision", "CLIP's image tower")
# Its class builds the last norm and does not use it.
_CLIP_CLASSIFIER = _layout(
    "hf_clip_classifier",
    "CLIP with a classifier",
    _CLIP,
    _CLASSIFIER,
    extras=(
        Extra("vision_model.post_layernorm.weight", ones("embed_dim")),
        Extra("vision_model.post_layernorm.bias", zeros("embed_dim")),
    ),
    inner=(_PATCHES, _EMBED),
    outer=_CLASSIFIED,
    fixed={"pool": "mean"},
    usual=_CLIP_USUAL,
)

# SigLIP

_FLAT = Rule(
    "embeddings.patch_embedding.weight",
    "embed.proj.kernel",
    "o (rows columns channels) -> (rows columns channels) o",
)
_POOL = (
    Rule("head.probe", "pool.attn.latent"),
    *fused("head.attention.in_proj_", ("q", "k", "v"), within=("", "pool.attn.")),
    *linear(
        {"attention.out_proj": "proj", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"},
        within=("head.", "pool.attn."),
    ),
    *norm({"head.layernorm": "pool.attn.norm"}),
)


def _siglip(
    name: str,
    what: str,
    tower: tuple[Rule, ...],
    patches: Stage,
    head: tuple[Rule, ...] = (),
    *,
    extras: tuple[Extra, ...] = (),
    logits: str = "",
) -> Layout:
    """Returns the layout of a class; those without a classifier attend to pool."""
    return _layout(
        name,
        what,
        (*tower, *_LAST_NORM, *(() if head else _POOL)),
        head,
        extras=extras,
        inner=(
            patches,
            Stage("embed", "embeddings"),
            Stage("norm", "post_layernorm"),
            *(() if head else (Stage("pool", "head"),)),
        ),
        outer=_CLASSIFIED if head else (Stage("logits", logits),),
        fixed={"pool": "mean"} if head else {},
        usual={"norm_eps": 1e-6, "activation": "gelu_tanh"},
    )


def _siglips(
    name: str, what: str, tower: tuple[Rule, ...], patches: Stage
) -> tuple[Layout, ...]:
    """Returns the layouts of a publication's classes."""
    vision = _siglip(f"{name}_vision", f"{what}'s image tower", tower, patches)
    return (
        vision,
        respelled(vision, (_PREFIX, "")),
        _siglip(name, what, tower, patches, extras=_TEXT, logits="vision_model"),
        _siglip(
            f"{name}_classifier",
            f"{what} with a classifier",
            tower,
            patches,
            _CLASSIFIER,
            # Built with the tower, and not used.
            extras=(Extra("vision_model.head.*"),),
        ),
    )


HUGGINGFACE_CLIP = (
    _CLIP_VISION,
    respelled(_CLIP_VISION, (_PREFIX, "")),
    _clip("hf_clip_projection", "CLIP's image tower with a projection", _PROJECTION),
    _clip("hf_clip", "CLIP", _PROJECTION, _TEXT, logits="visual_projection"),
    _CLIP_CLASSIFIER,
    *_siglips("hf_siglip", "SigLIP", _TOWER, _PATCHES),
    *_siglips(
        "hf_siglip2",
        "SigLIP 2",
        (_FLAT, *_TOWER[1:]),
        Stage("patches", "embeddings.patch_embedding"),
    ),
)
