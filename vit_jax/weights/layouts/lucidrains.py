"""lucidrains' vit-pytorch through its years: each change of its names is a layout.

Patches are flattened as (rows columns channels), as ours are. Source: vit_pytorch/
vit.py and simple_vit.py at the releases named; notebook 004_0467 has the Transformer of
2021-03-29. The releases 0.0.1 to 0.0.3 (three days of October 2020) are not read.
"""

from typing import Any

from vit_jax.weights.extras import zeros
from vit_jax.weights.layout import Extra, Layout, Rule, Stage

ATTN, MLP = "transformer.layers.{i}.0", "transformer.layers.{i}.1"
LINEAR = (("weight", "kernel", "o i -> i o"), ("bias", "bias", "... -> ..."))
NORM = (("weight", "scale", "... -> ..."), ("bias", "bias", "... -> ..."))


def _rules(pairs: dict[str, str], kinds: Any) -> tuple[Rule, ...]:
    """Returns the rules of layers: their name to ours."""
    return tuple(
        Rule(f"{theirs}.{kind}", f"{ours}.{our_kind}", pattern)
        for theirs, ours in pairs.items()
        for kind, our_kind, pattern in kinds
    )


def _block(
    attn: str, mlp: str, norms: tuple[str, str], mlps: tuple[int, int], out: str
):
    """Returns the rules of a block whose attention and MLP are under two names."""
    linear = {
        f"{attn}.{out}": "blocks.{i}.attn.proj",
        f"{mlp}.net.{mlps[0]}": "blocks.{i}.mlp.fc1",
        f"{mlp}.net.{mlps[1]}": "blocks.{i}.mlp.fc2",
    }
    return (
        *_rules({norms[0]: "blocks.{i}.norm1", norms[1]: "blocks.{i}.norm2"}, NORM),
        Rule(
            f"{attn}.to_qkv.weight",
            tuple(f"blocks.{{i}}.attn.{part}.kernel" for part in "qkv"),
            "cat i -> i cat",
        ),
        *_rules(linear, LINEAR),
    )


def _residual(mlps: tuple[int, int], out: str) -> tuple[Rule, ...]:
    """Returns the blocks of Residual(PreNorm(...))."""
    norms = (f"{ATTN}.fn.norm", f"{MLP}.fn.norm")
    return _block(f"{ATTN}.fn.fn", f"{MLP}.fn.fn", norms, mlps, out)


def _own(mlps: tuple[int, int], out: str) -> tuple[Rule, ...]:
    """Returns the blocks whose attention and MLP have norms of their own."""
    return _block(ATTN, MLP, (f"{ATTN}.norm", f"{MLP}.net.0"), mlps, out)


TOKENS = (
    Rule("cls_token", "embed.cls_token"),
    Rule("pos_embedding", "embed.pos_embed"),
)
FLAT_TOKENS = (
    Rule("cls_token", "embed.cls_token", "n d -> 1 n d"),
    Rule("pos_embedding", "embed.pos_embed", "n d -> 1 n d"),
)
BARE = _rules({"patch_to_embedding": "embed.proj"}, LINEAR)
SEQUENTIAL = _rules({"to_patch_embedding.1": "embed.proj"}, LINEAR)
NORMED = (
    *_rules({"to_patch_embedding.2": "embed.proj"}, LINEAR),
    *_rules(
        {
            "to_patch_embedding.1": "embed.pixel_norm",
            "to_patch_embedding.3": "embed.patch_norm",
        },
        NORM,
    ),
)
PRE_NORM = _block(
    f"{ATTN}.fn", f"{MLP}.fn", (f"{ATTN}.norm", f"{MLP}.norm"), (0, 3), "to_out.0"
)
FINAL_NORM = _rules({"transformer.norm": "norm"}, NORM)


def _head(norm: str, *linear: str) -> tuple[Rule, ...]:
    """Returns the rules of a head: its norm, if any, and one or two linear layers."""
    names = ["head"] if len(linear) == 1 else ["pre_logits", "head"]
    layers: dict[str, str] = dict(zip(linear, names, strict=True))
    return (*_rules({norm: "pool.norm"} if norm else {}, NORM), *_rules(layers, LINEAR))


def _stages(rules: tuple[Rule, ...]) -> tuple[Stage, ...]:
    """Returns where the module of some rules gives its stages.

    Both sums of a block are the Transformer's own: no submodule gives them, the next
    block takes them.
    """
    names = {name for rule in rules for name in rule.names}
    theirs = [rule.theirs.rpartition(".")[0] for rule in rules]
    old = "patch_to_embedding"
    patches = old if old in theirs else "to_patch_embedding"
    last = "norm" if "norm.scale" in names else "blocks.{last}"
    pooled = [] if "pre_logits.kernel" in names else [theirs[-1]]
    return (
        Stage("patches", patches),
        Stage("embed", "transformer", "input"),
        Stage("blocks.{i}", "transformer.layers.{next}.0", "input"),
        Stage(last, "transformer"),
        *(Stage("pool", head, "input") for head in pooled),
        Stage("logits", ""),
    )


def _embed_scale(told: dict[str, Any]) -> float:
    return told["embed_dim"] ** -0.5


def _pool(told: dict[str, Any]) -> str:
    return "mean" if told["class_token"] == "none" else "cls"


FIXED: dict[str, Any] = {"norm_eps": 1e-5, "activation": "gelu", "pool_prefix": True}
# Until 2021-02-20 logits are scaled by the tokens' width, not the heads'.
OLD: dict[str, Any] = {
    **FIXED,
    "attn_scale": _embed_scale,
    "pre_logits_activation": "gelu",
}


def _layout(
    since: str,
    rules: tuple[tuple[Rule, ...], ...],
    fixed: dict[str, Any] = FIXED,
    extras: tuple[Extra, ...] = (),
) -> Layout:
    flat = tuple(rule for part in rules for rule in part)
    return Layout(
        name=f"lucidrains_{since.replace('-', '_')}",
        title=f"vit-pytorch since {since}",
        rules=flat,
        extras=extras,
        stages=_stages(flat),
        fixed=fixed,
        usual={"pool": _pool},
    )


def _simple(since: str, patches: tuple[Rule, ...], *rest: tuple[Rule, ...]) -> Layout:
    # Positions are sines and cosines, which no file holds.
    places = {"position": "sincos2d_moco", "position_on": "patches"}
    flat = (*patches, *_own((1, 3), "to_out"), *(r for part in rest for r in part))
    return Layout(
        name=f"simple_vit_{since.replace('-', '_')}",
        title=f"vit-pytorch's SimpleViT since {since}",
        rules=flat,
        fixed={**FIXED, **places, "class_token": "none", "pool": "mean"},
        stages=_stages(flat),
    )


_OLD_HEAD = ("mlp_head.0", "mlp_head.1")
_OWN = _own((1, 4), "to_out.0")
_NONE = (Extra("cls_token", zeros(1, 0, "embed_dim")),)
_FLAT_NONE = (Extra("cls_token", zeros(0, "embed_dim")),)

# A layout whose names are among another's stands before it.
LUCIDRAINS = (
    _layout(
        "2020-10-07",
        (
            TOKENS,
            BARE,
            _residual((0, 2), "to_out"),
            _head("", "mlp_head.0", "mlp_head.2"),
        ),
        OLD,
    ),
    _layout(
        "2020-10-10",
        (TOKENS, BARE, _residual((0, 2), "to_out"), _head(*_OLD_HEAD, "mlp_head.3")),
        OLD,
    ),
    _layout(
        "2020-10-13",
        (TOKENS, BARE, _residual((0, 3), "to_out"), _head(*_OLD_HEAD, "mlp_head.3")),
        OLD,
    ),
    _layout(
        "2020-12-07",
        (TOKENS, BARE, _residual((0, 3), "to_out.0"), _head(*_OLD_HEAD)),
        OLD,
    ),
    _layout(
        "2020-10-14",
        (TOKENS, BARE, _residual((0, 3), "to_out.0"), _head(*_OLD_HEAD, "mlp_head.4")),
        OLD,
    ),
    _layout(
        "2021-02-20",
        (TOKENS, SEQUENTIAL, _residual((0, 3), "to_out.0"), _head(*_OLD_HEAD)),
    ),
    _layout("2021-03-29", (TOKENS, SEQUENTIAL, PRE_NORM, _head(*_OLD_HEAD))),
    _layout("2023-02-03", (TOKENS, NORMED, PRE_NORM, _head(*_OLD_HEAD))),
    _layout(
        "2023-08-09",
        (TOKENS, NORMED, _OWN, FINAL_NORM, _head("", "mlp_head")),
        extras=_NONE,  # since 2025-11-27, where pool is the mean
    ),
    _layout(
        "2025-11-28",
        (FLAT_TOKENS, NORMED, _OWN, FINAL_NORM, _head("", "mlp_head")),
        extras=_FLAT_NONE,
    ),
)

SIMPLE_VIT = (
    _simple("2022-05-03", SEQUENTIAL, _head("linear_head.0", "linear_head.1")),
    _simple("2023-02-03", NORMED, _head("linear_head.0", "linear_head.1")),
    _simple("2023-08-10", NORMED, FINAL_NORM, _head("", "linear_head")),
)
