"""Hugging Face's ViT, DeiT, MAE, MSN, I-JEPA and BEiT.

MSN and MAE's encoder have the names of ViT, so that one layout serves them.

Source: transformers/models/{vit,deit,vit_mae,vit_msn,ijepa,beit}/modeling_*.py
(transformers 5.23 and 4.57).
"""

from typing import Any

from vit_jax.weights.layout import Extra, Layout, Rule, Stage, prefixed
from vit_jax.weights.layouts.huggingface_rules import (
    CONV,
    FIXED,
    linear,
    norm,
    respelled,
)

_BLOCK = ("encoder.layer.{i}.", "blocks.{i}.")

_VIT = (
    Rule("embeddings.cls_token", "embed.cls_token"),
    Rule("embeddings.position_embeddings", "embed.pos_embed"),
    Rule("embeddings.patch_embeddings.projection.weight", "embed.proj.kernel", CONV),
    Rule("embeddings.patch_embeddings.projection.bias", "embed.proj.bias"),
    *norm({"layernorm_before": "norm1", "layernorm_after": "norm2"}, within=_BLOCK),
    *linear(
        {
            "attention.attention.query": "attn.q",
            "attention.attention.key": "attn.k",
            "attention.attention.value": "attn.v",
            "attention.output.dense": "attn.proj",
            "intermediate.dense": "mlp.fc1",
            "output.dense": "mlp.fc2",
        },
        within=_BLOCK,
    ),
    *norm({"layernorm": "norm"}),
)
# To a model whose logits are the class token's alone it is one more register.
_DISTILLATION = Rule("embeddings.distillation_token", "embed.reg_token")

_RELATIVE = "encoder.layer.{i}.attention.attention.relative_position_bias"
_BEIT = (
    *_VIT,
    Rule("encoder.layer.{i}.lambda_1", "blocks.{i}.ls1.gamma"),
    Rule("encoder.layer.{i}.lambda_2", "blocks.{i}.ls2.gamma"),
    Rule(f"{_RELATIVE}.relative_position_bias_table", "blocks.{i}.attn.relative_bias"),
    *norm({"pooler.layernorm": "pool.norm"}),
)

_MASK = Extra("embeddings.mask_token")
# Which row of the bias stands for two patches: written until transformers 4.30.
_INDEX = Extra(f"{_RELATIVE}.relative_position_index")

_STAGES = (
    Stage("patches", "embeddings.patch_embeddings"),
    Stage("embed", "embeddings"),
    Stage("blocks.{i}", "encoder.layer.{i}"),
    Stage("norm", "layernorm"),
)
_LOGITS = Stage("logits", "")
_CLASSIFIED = (Stage("pool", "classifier", "input"), _LOGITS)

_CLASSIFIER = linear({"classifier": "head"})

_V5 = (
    ("attention.attention.relative_position_bias.", "relative_position_bias."),
    ("encoder.layer.", "layers."),
    ("attention.attention.query", "attention.q_proj"),
    ("attention.attention.key", "attention.k_proj"),
    ("attention.attention.value", "attention.v_proj"),
    ("attention.output.dense", "attention.o_proj"),
    ("intermediate.dense", "mlp.fc1"),
    ("output.dense", "mlp.fc2"),
)


def _pool(told: dict[str, Any]) -> str:
    """Returns the pooling: BEiT has a norm behind its mean, I-JEPA no class token."""
    means = told["norm_after_pool"] or told["class_token"] == "none"
    return "mean" if means else "cls"


def _pair(
    name: str,
    classes: str,
    prefix: str,
    body: tuple[Rule, ...],
    head: tuple[Rule, ...],
    *,
    extras: tuple[Extra, ...] = (),
    stages: tuple[Stage, ...] = (_LOGITS,),
) -> tuple[Layout, Layout]:
    """Returns the layout of a class's files, and that of its modules in version 5.

    Args:
      prefix: of the names of the body, which the head's do not have.
    """
    layout = Layout(
        name=name,
        title=f"Hugging Face's {classes}",
        rules=(*prefixed(prefix, body), *head),
        extras=prefixed(prefix, extras, but=("decoder.",)),
        stages=(*prefixed(prefix, _STAGES), *stages),
        fixed={**FIXED, "pool": _pool},
        usual={"norm_eps": 1e-12, "activation": "gelu"},
    )
    return layout, respelled(layout, *_V5)


_DECODER = (_MASK, Extra("decoder.*"))
_BEIT_STAGES = (Stage("pool", "pooler"), _LOGITS)

HUGGINGFACE_VIT = (
    *_pair(
        "hf_vit",
        "ViT, DeiT, MAE, MSN and I-JEPA without a head",
        "",
        (*_VIT, _DISTILLATION),
        linear({"pooler.dense": "pre_logits"}),
        extras=(_MASK,),
    ),
    *_pair(
        "hf_vit_classifier",
        "ViT and MSN with a classifier",
        "vit.",
        _VIT,
        _CLASSIFIER,
        stages=_CLASSIFIED,
    ),
    *_pair(
        "hf_vit_pretraining",
        "ViT and MAE with a decoder",
        "vit.",
        _VIT,
        (),
        extras=_DECODER,
        stages=(),
    ),
    *_pair(
        "hf_deit_classifier",
        "DeiT with a classifier",
        "deit.",
        (*_VIT, _DISTILLATION),
        _CLASSIFIER,
        stages=_CLASSIFIED,
    ),
    *_pair(
        "hf_deit_teacher",
        "DeiT with two classifiers",
        "deit.",
        (*_VIT, Rule("embeddings.distillation_token", "embed.dist_token")),
        linear({"cls_classifier": "head", "distillation_classifier": "head_dist"}),
    ),
    *_pair(
        "hf_deit_pretraining",
        "DeiT with a decoder",
        "deit.",
        (*_VIT, _DISTILLATION),
        (),
        extras=_DECODER,
        stages=(),
    ),
    *_pair(
        "hf_ijepa_classifier",
        "I-JEPA with a classifier",
        "ijepa.",
        _VIT,
        _CLASSIFIER,
        stages=_CLASSIFIED,
    ),
    *_pair(
        "hf_beit",
        "BEiT",
        "",
        _BEIT,
        (),
        extras=(_MASK, _INDEX),
        stages=_BEIT_STAGES,
    ),
    *_pair(
        "hf_beit_classifier",
        "BEiT with a classifier",
        "beit.",
        _BEIT,
        _CLASSIFIER,
        extras=(_MASK, _INDEX),
        stages=_CLASSIFIED,
    ),
    # Version 5 takes the prefix from the blocks of this one class when it writes it.
    Layout(
        name="hf_msn_classifier",
        title="Hugging Face's MSN with a classifier, as version 5 writes it",
        rules=(*prefixed("vit.", _VIT, but=("encoder.",)), *_CLASSIFIER),
        fixed={**FIXED, "pool": "cls"},
        usual={"norm_eps": 1e-6, "activation": "gelu"},
    ),
)
