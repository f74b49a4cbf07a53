"""OpenAI's CLIP and open_clip: the image tower, beside a text tower that is kept.

Source: openai/CLIP, clip/model.py; open_clip/transformer.py and timm_model.py
(open_clip_torch 3.3).
"""

import dataclasses

from vit_jax.weights.layout import Extra, Layout, Rule, Stage, prefixed
from vit_jax.weights.layouts.timm import (
    TIMM,
    TIMM_EVA,
    TIMM_EVA_SPLIT_QKV,
    TIMM_EVA_SPLIT_QKV_GLU,
)

_BLOCK = "transformer.resblocks.{i}"

_VISUAL = (
    Rule("class_embedding", "embed.cls_token", "d -> 1 1 d"),
    Rule("positional_embedding", "embed.pos_embed", "n d -> 1 n d"),
    Rule(
        "conv1.weight",
        "embed.proj.kernel",
        "o channels rows columns -> (rows columns channels) o",
    ),
    Rule(
        f"{_BLOCK}.attn.in_proj_weight",
        tuple(f"blocks.{{i}}.attn.{part}.kernel" for part in "qkv"),
        "cat i -> i cat",
    ),
    Rule(
        f"{_BLOCK}.attn.in_proj_bias",
        tuple(f"blocks.{{i}}.attn.{part}.bias" for part in "qkv"),
        "cat -> cat",
    ),
    *(
        Rule(f"{_BLOCK}.{theirs}.{kind}", f"blocks.{{i}}.{ours}.{our_kind}", pattern)
        for theirs, ours in (
            ("attn.out_proj", "attn.proj"),
            ("mlp.c_fc", "mlp.fc1"),
            ("mlp.c_proj", "mlp.fc2"),
        )
        for kind, our_kind, pattern in (
            ("weight", "kernel", "o i -> i o"),
            ("bias", "bias", "... -> ..."),
        )
    ),
    *(
        Rule(f"{theirs}.{kind}", f"{ours}.{our_kind}")
        for theirs, ours in (
            ("ln_pre", "embed.norm"),
            (f"{_BLOCK}.ln_1", "blocks.{i}.norm1"),
            (f"{_BLOCK}.ln_2", "blocks.{i}.norm2"),
            ("ln_post", "norm"),
        )
        for kind, our_kind in (("weight", "scale"), ("bias", "bias"))
    ),
    Rule(f"{_BLOCK}.ls_1.gamma", "blocks.{i}.ls1.gamma"),
    Rule(f"{_BLOCK}.ls_2.gamma", "blocks.{i}.ls2.gamma"),
    Rule("proj", "head.kernel"),
)
_TEXT = tuple(
    Extra(name)
    for name in (
        "transformer.*",
        "token_embedding.weight",
        "positional_embedding",
        "ln_final.*",
        "text_projection",
        "text_projection.*",
        "logit_scale",
        "logit_bias",
        "attn_mask",
        "text.*",
    )
)
_OFFICIAL = tuple(
    Extra(name) for name in ("input_resolution", "context_length", "vocab_size")
)
_FIXED = {
    "norm_eps": 1e-5,
    "pool": "cls",
    "position_on": "all",
    "head_bias": False,
    "attn_scale": None,
}


def _stages(order: str) -> tuple[Stage, ...]:
    """Returns the stages; blocks' axes are in an order of b, t and d."""
    blocks = Stage("blocks.{i}", f"visual.{_BLOCK}", pattern=f"{order} -> b t d")
    patches = Stage("patches", "visual.conv1", pattern="b d r c -> b (r c) d")
    return (patches, Stage("embed", "visual.ln_pre"), blocks, Stage("logits", "visual"))


OPEN_CLIP = Layout(
    name="open_clip",
    title="open_clip's files",
    rules=prefixed("visual.", _VISUAL),
    extras=_TEXT,
    stages=_stages("b t d"),
    fixed=_FIXED,
    usual={"activation": "gelu"},
)

OPENAI_CLIP = Layout(
    name="openai_clip",
    title="OpenAI's CLIP files",
    rules=prefixed("visual.", _VISUAL),
    extras=(*_TEXT, *_OFFICIAL),
    stages=_stages("t b d"),
    fixed={**_FIXED, "activation": "quick_gelu"},
)

OPENAI_CLIP_VISUAL = Layout(
    name="openai_clip_visual",
    title="CLIP's visual alone",
    rules=_VISUAL,
    fixed=_FIXED,
    usual={"activation": "quick_gelu"},
)


def _tower(layout: Layout) -> Layout:
    """Returns open_clip's layout of a timm model as its image tower."""
    trunk = tuple(rule for rule in layout.rules if rule.theirs != "head_dist.weight")
    return Layout(
        name=f"open_clip_{layout.name}",
        title="open_clip's files with an image tower of timm's",
        rules=(
            Rule("visual.head.proj.weight", "head.kernel", "o i -> i o"),
            Rule("visual.head.proj.bias", "head.bias"),
            *prefixed("visual.trunk.", trunk),
        ),
        extras=_TEXT,
        stages=(
            *(
                dataclasses.replace(stage, theirs=f"visual.trunk.{stage.theirs}")
                for stage in layout.stages
                if stage.ours not in ("pool", "logits")
            ),
            Stage("logits", "visual"),
        ),
        usual=layout.usual,
        lacks=layout.lacks,
    )


CLIP = (
    OPEN_CLIP,
    OPENAI_CLIP,
    OPENAI_CLIP_VISUAL,
    *map(_tower, (TIMM, TIMM_EVA, TIMM_EVA_SPLIT_QKV, TIMM_EVA_SPLIT_QKV_GLU)),
)
