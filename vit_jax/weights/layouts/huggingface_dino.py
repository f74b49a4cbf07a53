"""Hugging Face's DINOv2, with and without registers, and DINOv3.

Source: transformers/models/{dinov2,dinov2_with_registers,dinov3_vit}/modeling_*.py
(transformers 5.23 and 4.57).
"""

from typing import Any

from vit_jax.weights.extras import no_registers, zeros
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

_BLOCK = ("encoder.layer.{i}.", "blocks.{i}.")
_SCALES = (
    Rule("encoder.layer.{i}.layer_scale1.lambda1", "blocks.{i}.ls1.gamma"),
    Rule("encoder.layer.{i}.layer_scale2.lambda1", "blocks.{i}.ls2.gamma"),
)
_NORMS = norm({"norm1": "norm1", "norm2": "norm2"}, within=_BLOCK)
_TOKENS = (
    Rule("embeddings.cls_token", "embed.cls_token"),
    Rule("embeddings.register_tokens", "embed.reg_token"),
)

# DINOv2

_V2 = (
    *_TOKENS,
    Rule("embeddings.position_embeddings", "embed.pos_embed"),
    Rule("embeddings.patch_embeddings.projection.weight", "embed.proj.kernel", CONV),
    Rule("embeddings.patch_embeddings.projection.bias", "embed.proj.bias"),
    *_NORMS,
    *_SCALES,
    *linear(
        {
            "attention.attention.query": "attn.q",
            "attention.attention.key": "attn.k",
            "attention.attention.value": "attn.v",
            "attention.output.dense": "attn.proj",
        },
        within=_BLOCK,
    ),
    *norm({"layernorm": "norm"}),
)
_V2_MASK = zeros(1, "embed_dim")

_PLAIN = linear({"mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}, within=_BLOCK)
# Of the giant; the gate comes first.
_FUSED = (
    *fused("mlp.weights_in.", ("mlp.gate", "mlp.fc1"), within=_BLOCK),
    *linear({"mlp.weights_out": "mlp.fc2"}, within=_BLOCK),
)
_GATED = linear(
    {"gate_proj": "gate", "up_proj": "fc1", "down_proj": "fc2"},
    within=("encoder.layer.{i}.mlp.", "blocks.{i}.mlp."),
)

_V2_STAGES = (
    Stage("patches", "embeddings.patch_embeddings"),
    Stage("embed", "embeddings"),
    Stage("blocks.{i}", "encoder.layer.{i}"),
    Stage("norm", "layernorm"),
)
_CLASSIFIED = Stage("pool", "classifier", "input")
_LOGITS = Stage("logits", "")

_V5 = (
    ("attention.attention.query", "attention.q_proj"),
    ("attention.attention.key", "attention.k_proj"),
    ("attention.attention.value", "attention.v_proj"),
    ("attention.output.dense", "attention.o_proj"),
)


def _registers_on(told: dict[str, Any]) -> str:
    """Returns which tokens get a position: registers come behind the sum."""
    return "class" if told["num_registers"] else "all"


def _dinov2(
    name: str, what: str, mlp: tuple[Rule, ...], *, prefix: str, activation: str
) -> Layout:
    """Returns the layout of a class; those with a prefix to the body have a head."""
    return Layout(
        name=name,
        title=f"Hugging Face's {what}",
        rules=(
            *prefixed(prefix, (*_V2, *mlp)),
            *(linear({"classifier": "head"}) if prefix else ()),
        ),
        extras=prefixed(prefix, (Extra("embeddings.mask_token", _V2_MASK),)),
        stages=(
            *prefixed(prefix, _V2_STAGES),
            *([_CLASSIFIED] if prefix else []),
            _LOGITS,
        ),
        fixed={
            **FIXED,
            "position_on": _registers_on,
            "pool": "cls_mean" if prefix else "cls",
        },
        usual={"norm_eps": 1e-6, "activation": activation},
    )


def _dinov2_spellings(name: str, what: str, prefix: str) -> tuple[Layout, ...]:
    """Returns the layouts of a class, plain and gated, in files and in version 5."""
    plain = _dinov2(name, what, _PLAIN, prefix=prefix, activation="gelu")
    gated, in_memory = (
        _dinov2(
            f"{name}_gated",
            f"{what}, with a gated MLP",
            mlp,
            prefix=prefix,
            activation="silu",
        )
        for mlp in (_FUSED, _GATED)
    )
    return plain, respelled(plain, *_V5), gated, respelled(in_memory, *_V5)


# DINOv3

_V3_BLOCK = ("layer.{i}.", "blocks.{i}.")


def _activation(told: dict[str, Any]) -> str:
    return "silu" if told["mlp"] == "gated" else "gelu"


_DINOV3 = Layout(
    name="hf_dinov3",
    title="Hugging Face's DINOv3",
    rules=(
        *_TOKENS,
        Rule("embeddings.patch_embeddings.weight", "embed.proj.kernel", CONV),
        Rule("embeddings.patch_embeddings.bias", "embed.proj.bias"),
        *norm({"norm1": "norm1", "norm2": "norm2"}, within=_V3_BLOCK),
        Rule("layer.{i}.layer_scale1.lambda1", "blocks.{i}.ls1.gamma"),
        Rule("layer.{i}.layer_scale2.lambda1", "blocks.{i}.ls2.gamma"),
        *linear(
            {
                "attention.q_proj": "attn.q",
                "attention.k_proj": "attn.k",
                "attention.v_proj": "attn.v",
                "attention.o_proj": "attn.proj",
                "mlp.gate_proj": "mlp.gate",
                "mlp.up_proj": "mlp.fc1",
                "mlp.down_proj": "mlp.fc2",
            },
            within=_V3_BLOCK,
        ),
        *norm({"norm": "norm"}),
    ),
    extras=(
        Extra("embeddings.mask_token", zeros(1, 1, "embed_dim")),
        Extra("embeddings.register_tokens", no_registers),
    ),
    stages=(
        Stage("patches", "embeddings.patch_embeddings", pattern=FLATTEN),
        Stage("embed", "embeddings"),
        Stage("blocks.{i}", "layer.{i}"),
        Stage("norm", "norm"),
        _LOGITS,
    ),
    fixed={
        **FIXED,
        "position": "none",
        "rope": "centred",
        "rope_pairs": "halves",
        "rope_axes": "yx",
        "rope_dtype": "float32",
        "pool": "cls",
    },
    usual={
        "norm_eps": 1e-5,
        "rope_temperature": 100.0,
        "activation": _activation,
    },
)

HUGGINGFACE_DINO = (
    *_dinov2_spellings("hf_dinov2", "DINOv2", ""),
    *_dinov2_spellings("hf_dinov2_classifier", "DINOv2 with a classifier", "dinov2."),
    *_dinov2_spellings(
        "hf_dinov2_registers_classifier",
        "DINOv2 with registers and a classifier",
        "dinov2_with_registers.",
    ),
    _DINOV3,
    respelled(_DINOV3, ("layer.{i}", "model.layer.{i}")),
)
