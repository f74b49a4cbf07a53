"""torchvision's ViTs, and as they were written before MLPs were numbered.

Source: torchvision/models/vision_transformer.py (torchvision 0.28).
"""

from vit_jax.weights.layout import Layout, Rule, Stage, renamed

_BLOCK = "encoder.layers.encoder_layer_{i}"

_RULES = (
    Rule("class_token", "embed.cls_token"),
    Rule("encoder.pos_embedding", "embed.pos_embed"),
    Rule(
        "conv_proj.weight",
        "embed.proj.kernel",
        "o channels rows columns -> (rows columns channels) o",
    ),
    Rule("conv_proj.bias", "embed.proj.bias"),
    Rule(
        f"{_BLOCK}.self_attention.in_proj_weight",
        tuple(f"blocks.{{i}}.attn.{part}.kernel" for part in "qkv"),
        "cat i -> i cat",
    ),
    Rule(
        f"{_BLOCK}.self_attention.in_proj_bias",
        tuple(f"blocks.{{i}}.attn.{part}.bias" for part in "qkv"),
        "cat -> cat",
    ),
    *(
        Rule(f"{theirs}.{kind}", f"{ours}.{our_kind}", pattern)
        for theirs, ours in (
            (f"{_BLOCK}.self_attention.out_proj", "blocks.{i}.attn.proj"),
            (f"{_BLOCK}.mlp.0", "blocks.{i}.mlp.fc1"),
            (f"{_BLOCK}.mlp.3", "blocks.{i}.mlp.fc2"),
            ("heads.pre_logits", "pre_logits"),
            ("heads.head", "head"),
        )
        for kind, our_kind, pattern in (
            ("weight", "kernel", "o i -> i o"),
            ("bias", "bias", "... -> ..."),
        )
    ),
    *(
        Rule(f"{theirs}.{kind}", f"{ours}.{our_kind}")
        for theirs, ours in (
            (f"{_BLOCK}.ln_1", "blocks.{i}.norm1"),
            (f"{_BLOCK}.ln_2", "blocks.{i}.norm2"),
            ("encoder.ln", "norm"),
        )
        for kind, our_kind in (("weight", "scale"), ("bias", "bias"))
    ),
)

TORCHVISION = Layout(
    name="torchvision",
    title="torchvision's files",
    rules=_RULES,
    stages=(
        Stage("patches", "conv_proj", pattern="b d r c -> b (r c) d"),
        Stage("embed", "encoder.dropout"),
        Stage("blocks.{i}", _BLOCK),
        Stage("norm", "encoder"),
        Stage("pool", "heads", "input"),
        Stage("logits", ""),
    ),
    fixed={"norm_eps": 1e-6, "activation": "gelu", "pool": "cls", "attn_scale": None},
)

TORCHVISION_V1 = Layout(
    name="torchvision_v1",
    title="torchvision's files before 0.13",
    rules=renamed(
        _RULES,
        (f"{_BLOCK}.mlp.0", f"{_BLOCK}.mlp.linear_1"),
        (f"{_BLOCK}.mlp.3", f"{_BLOCK}.mlp.linear_2"),
    ),
    fixed=TORCHVISION.fixed,
)
