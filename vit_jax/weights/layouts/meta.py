"""Meta's own files of DINO, MAE, DINOv2 and DINOv3; DeiT's are timm's.

Source: facebookresearch/dino (vision_transformer.py, utils.py), mae (models_mae.py),
dinov2 (dinov2/models/vision_transformer.py) and dinov3 (dinov3/models/
vision_transformer.py).
"""

from typing import Any

from vit_jax.weights.extras import key_mask, rope_periods, tell_periods, zeros
from vit_jax.weights.layout import HOLE, Extra, Layout, Rule, Stage
from vit_jax.weights.layouts.timm import (
    FUSED_QKV,
    HEAD,
    LAYER_SCALE,
    NORMS,
    STAGES,
    STEM,
    TIMM,
)

_ATTENTION = (
    FUSED_QKV[0],
    Rule("blocks.{i}.attn.proj.weight", "blocks.{i}.attn.proj.kernel", "o i -> i o"),
    Rule("blocks.{i}.attn.proj.bias", "blocks.{i}.attn.proj.bias"),
)


def _linear(pairs: dict[str, str]) -> tuple[Rule, ...]:
    """Returns the rules of a block's linear layers: their name to ours."""
    return tuple(
        Rule(
            f"blocks.{{i}}.{theirs}.{kind}", f"blocks.{{i}}.{ours}.{our_kind}", pattern
        )
        for theirs, ours in pairs.items()
        for kind, our_kind, pattern in (
            ("weight", "kernel", "o i -> i o"),
            ("bias", "bias", "... -> ..."),
        )
    )


_PLAIN_MLP = _linear({"mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"})
# A gate comes first.
_FUSED = (
    *(
        Rule(
            f"blocks.{{i}}.mlp.w12.{kind}",
            tuple(f"blocks.{{i}}.mlp.{name}.{ours}" for name in ("gate", "fc1")),
            pattern,
        )
        for kind, ours, pattern in (
            ("weight", "kernel", "cat i -> i cat"),
            ("bias", "bias", "cat -> cat"),
        )
    ),
    *_linear({"mlp.w3": "mlp.fc2"}),
)
_SPLIT = _linear({"mlp.w1": "mlp.gate", "mlp.w2": "mlp.fc1", "mlp.w3": "mlp.fc2"})
_BACKBONE_STAGES = (
    *(stage for stage in STAGES if stage.ours not in ("pool", "logits")),
    Stage("logits", ""),
)

DINO = Layout(
    name="dino",
    title="DINO's training files",
    rules=TIMM.rules,
    extras=(Extra("head.mlp.*"), Extra("head.last_layer.*")),
    stages=_BACKBONE_STAGES,
    fixed={"norm_eps": 1e-6, "activation": "gelu", "pool": "cls", "attn_scale": None},
)

MAE = Layout(
    name="mae",
    title="MAE's pre-training files",
    rules=TIMM.rules,
    extras=(Extra("mask_token"), Extra("decoder_*")),
    stages=(*_BACKBONE_STAGES[:-1],),
    fixed={"norm_eps": 1e-6, "activation": "gelu", "attn_scale": None},
    usual={"pool": "cls"},
)


def _registers_on(told: dict[str, Any]) -> str:
    """Returns which tokens get a position: registers come behind the sum."""
    return "class" if told["num_registers"] else "all"


def _dinov2(name: str, title: str, mlp: tuple[Rule, ...], activation: str) -> Layout:
    return Layout(
        name=name,
        title=title,
        rules=(
            *(rule for rule in STEM if rule.theirs != "reg_token"),
            Rule("register_tokens", "embed.reg_token"),
            *NORMS,
            *_ATTENTION,
            FUSED_QKV[1],
            *mlp,
            *LAYER_SCALE,
            *HEAD,
        ),
        extras=(Extra("mask_token", zeros(1, "embed_dim")),),
        stages=_BACKBONE_STAGES,
        fixed={
            "norm_eps": 1e-6,
            "activation": activation,
            "attn_scale": None,
            "position_on": _registers_on,
            "pool": "cls",
        },
    )


def _dinov3(name: str, title: str, mlp: tuple[Rule, ...], activation: str) -> Layout:
    return Layout(
        name=name,
        title=title,
        rules=(
            *(rule for rule in STEM if rule.theirs not in ("reg_token", "pos_embed")),
            Rule("storage_tokens", "embed.reg_token"),
            *NORMS,
            *_ATTENTION,
            # The mask leaves the key's third out.
            Rule(
                "blocks.{i}.attn.qkv.bias",
                ("blocks.{i}.attn.q.bias", HOLE, "blocks.{i}.attn.v.bias"),
                "cat -> cat",
            ),
            *mlp,
            *LAYER_SCALE,
            *HEAD,
        ),
        extras=_DINOV3_EXTRAS,
        stages=_BACKBONE_STAGES,
        fixed={**_DINOV3_FIXED, "activation": activation},
        values={"rope_embed.periods": tell_periods},
    )


_DINOV3_EXTRAS = (
    Extra("mask_token", zeros(1, "embed_dim")),
    Extra("rope_embed.periods", rope_periods, fixed=True),
    Extra("blocks.{i}.attn.qkv.bias_mask", key_mask, fixed=True),
    Extra("local_cls_norm.*"),
)
_DINOV3_FIXED = {
    "norm_eps": 1e-5,
    "attn_scale": None,
    "position": "none",
    "position_on": "all",
    "rope": "centred",
    "rope_pairs": "halves",
    "rope_temperature": 100.0,
    "pool": "cls",
}

META = (
    DINO,
    _dinov2("dinov2", "DINOv2's files", _PLAIN_MLP, "gelu"),
    _dinov2("dinov2_swiglu", "DINOv2's files of the giant", _FUSED, "silu"),
    _dinov3("dinov3", "DINOv3's files", _PLAIN_MLP, "gelu"),
    _dinov3("dinov3_swiglu", "DINOv3's files of the plus sizes and 7B", _SPLIT, "silu"),
    MAE,
)
