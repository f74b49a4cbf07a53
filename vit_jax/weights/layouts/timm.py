"""timm's ViTs, DeiT, EVA, BEiT and all who copied their names.

The same parameters stand under several names in timm: layer scale as `ls1.gamma` or
`gamma_1`, q, k and v in one tensor or in three, the two halves of a gated MLP in one or
in two. Each combination that timm has is a layout here.

Source: timm/models/vision_transformer.py, deit.py, eva.py and beit.py (timm 1.0.31).
"""

from typing import Any

from vit_jax.weights.layout import Layout, Rule, Stage

STEM = (
    Rule("cls_token", "embed.cls_token"),
    Rule("dist_token", "embed.dist_token"),
    Rule("reg_token", "embed.reg_token"),
    Rule("pos_embed", "embed.pos_embed"),
    Rule(
        "patch_embed.proj.weight",
        "embed.proj.kernel",
        "o channels rows columns -> (rows columns channels) o",
    ),
    Rule("patch_embed.proj.bias", "embed.proj.bias"),
    Rule("patch_embed.norm.weight", "embed.patch_norm.scale"),
    Rule("patch_embed.norm.bias", "embed.patch_norm.bias"),
    Rule("norm_pre.weight", "embed.norm.scale"),
    Rule("norm_pre.bias", "embed.norm.bias"),
    Rule("rope.freqs", "blocks.{i}.attn.rope.freqs", "xy cat h f -> xy h f"),
)

NORMS = (
    Rule("blocks.{i}.norm1.weight", "blocks.{i}.norm1.scale"),
    Rule("blocks.{i}.norm1.bias", "blocks.{i}.norm1.bias"),
    Rule("blocks.{i}.norm2.weight", "blocks.{i}.norm2.scale"),
    Rule("blocks.{i}.norm2.bias", "blocks.{i}.norm2.bias"),
)

FUSED_QKV = (
    Rule(
        "blocks.{i}.attn.qkv.weight",
        tuple(f"blocks.{{i}}.attn.{part}.kernel" for part in "qkv"),
        "cat i -> i cat",
    ),
    Rule(
        "blocks.{i}.attn.qkv.bias",
        tuple(f"blocks.{{i}}.attn.{part}.bias" for part in "qkv"),
        "cat -> cat",
    ),
    # Where k has no bias, as in EVA, DINOv3 and BEiT.
    Rule("blocks.{i}.attn.q_bias", "blocks.{i}.attn.q.bias"),
    Rule("blocks.{i}.attn.v_bias", "blocks.{i}.attn.v.bias"),
)

SPLIT_QKV = tuple(
    Rule(
        f"blocks.{{i}}.attn.{part}_proj.{theirs}",
        f"blocks.{{i}}.attn.{part}.{ours}",
        pattern,
    )
    for part in "qkv"
    for theirs, ours, pattern in (
        ("weight", "kernel", "o i -> i o"),
        ("bias", "bias", "... -> ..."),
    )
)

QK_NORM = tuple(
    Rule(f"{part}_norm.{theirs}", f"{part}_norm.{ours}")
    for part in ("blocks.{i}.attn.q", "blocks.{i}.attn.k")
    for theirs, ours in (("weight", "scale"), ("bias", "bias"))
)

ATTENTION = (
    *QK_NORM,
    Rule("blocks.{i}.attn.norm.weight", "blocks.{i}.attn.norm.scale"),
    Rule("blocks.{i}.attn.norm.bias", "blocks.{i}.attn.norm.bias"),
    Rule(
        "blocks.{i}.attn.relative_position_bias_table", "blocks.{i}.attn.relative_bias"
    ),
    *(
        Rule(f"blocks.{{i}}.attn.{name}", f"blocks.{{i}}.attn.differential.{name}")
        for name in ("lambda_q1", "lambda_k1", "lambda_q2", "lambda_k2")
    ),
    Rule("blocks.{i}.attn.sub_norm.weight", "blocks.{i}.attn.differential.norm.scale"),
    Rule("blocks.{i}.attn.proj.weight", "blocks.{i}.attn.proj.kernel", "o i -> i o"),
    Rule("blocks.{i}.attn.proj.bias", "blocks.{i}.attn.proj.bias"),
)

# A gate comes first.
FUSED_GATE = (
    Rule(
        "blocks.{i}.mlp.fc1.weight",
        ("blocks.{i}.mlp.gate.kernel", "blocks.{i}.mlp.fc1.kernel"),
        "cat i -> i cat",
    ),
    Rule(
        "blocks.{i}.mlp.fc1.bias",
        ("blocks.{i}.mlp.gate.bias", "blocks.{i}.mlp.fc1.bias"),
        "cat -> cat",
    ),
)

SPLIT_GATE = (
    Rule("blocks.{i}.mlp.fc1_g.weight", "blocks.{i}.mlp.gate.kernel", "o i -> i o"),
    Rule("blocks.{i}.mlp.fc1_g.bias", "blocks.{i}.mlp.gate.bias"),
    Rule("blocks.{i}.mlp.fc1_x.weight", "blocks.{i}.mlp.fc1.kernel", "o i -> i o"),
    Rule("blocks.{i}.mlp.fc1_x.bias", "blocks.{i}.mlp.fc1.bias"),
)

MLP = (
    Rule("blocks.{i}.mlp.fc1.weight", "blocks.{i}.mlp.fc1.kernel", "o i -> i o"),
    Rule("blocks.{i}.mlp.fc1.bias", "blocks.{i}.mlp.fc1.bias"),
    Rule("blocks.{i}.mlp.norm.weight", "blocks.{i}.mlp.norm.scale"),
    Rule("blocks.{i}.mlp.norm.bias", "blocks.{i}.mlp.norm.bias"),
    Rule("blocks.{i}.mlp.fc2.weight", "blocks.{i}.mlp.fc2.kernel", "o i -> i o"),
    Rule("blocks.{i}.mlp.fc2.bias", "blocks.{i}.mlp.fc2.bias"),
)

LAYER_SCALE = (
    Rule("blocks.{i}.ls1.gamma", "blocks.{i}.ls1.gamma"),
    Rule("blocks.{i}.ls2.gamma", "blocks.{i}.ls2.gamma"),
)

GAMMA = (
    Rule("blocks.{i}.gamma_1", "blocks.{i}.ls1.gamma"),
    Rule("blocks.{i}.gamma_2", "blocks.{i}.ls2.gamma"),
)

HEAD = (
    Rule("norm.weight", "norm.scale"),
    Rule("norm.bias", "norm.bias"),
    Rule("attn_pool.latent", "pool.attn.latent"),
    Rule("attn_pool.q.weight", "pool.attn.q.kernel", "o i -> i o"),
    Rule("attn_pool.q.bias", "pool.attn.q.bias"),
    Rule(
        "attn_pool.kv.weight",
        ("pool.attn.k.kernel", "pool.attn.v.kernel"),
        "cat i -> i cat",
    ),
    Rule("attn_pool.kv.bias", ("pool.attn.k.bias", "pool.attn.v.bias"), "cat -> cat"),
    Rule("attn_pool.proj.weight", "pool.attn.proj.kernel", "o i -> i o"),
    Rule("attn_pool.proj.bias", "pool.attn.proj.bias"),
    Rule("attn_pool.norm.weight", "pool.attn.norm.scale"),
    Rule("attn_pool.norm.bias", "pool.attn.norm.bias"),
    Rule("attn_pool.mlp.fc1.weight", "pool.attn.mlp.fc1.kernel", "o i -> i o"),
    Rule("attn_pool.mlp.fc1.bias", "pool.attn.mlp.fc1.bias"),
    Rule("attn_pool.mlp.fc2.weight", "pool.attn.mlp.fc2.kernel", "o i -> i o"),
    Rule("attn_pool.mlp.fc2.bias", "pool.attn.mlp.fc2.bias"),
    Rule("fc_norm.weight", "pool.norm.scale"),
    Rule("fc_norm.bias", "pool.norm.bias"),
    Rule("head.weight", "head.kernel", "o i -> i o"),
    Rule("head.bias", "head.bias"),
    Rule("head_dist.weight", "head_dist.kernel", "o i -> i o"),
    Rule("head_dist.bias", "head_dist.bias"),
)

STAGES = (
    # Models of dynamic image size give (b, rows, columns, d).
    Stage("patches", "patch_embed", pattern="b ... d -> b (...) d"),
    Stage("embed", "blocks.0", "input"),
    Stage("blocks.{i}", "blocks.{i}"),
    Stage("norm", "norm"),
    Stage("pool", "head", "input"),
    Stage("logits", ""),
)


def _pool(told: dict[str, Any]) -> str:
    return "mean" if told["norm_after_pool"] else "cls"


def _layout(
    name: str,
    qkv: tuple[Rule, ...],
    gate: tuple[Rule, ...],
    layer_scale: tuple[Rule, ...],
) -> Layout:
    """Returns the layout with these names for what timm names in several ways."""
    block = (*NORMS, *ATTENTION, *qkv, *gate, *MLP, *layer_scale)
    return Layout(
        name=name,
        title="timm's files",
        rules=(*STEM, *block, *HEAD),
        stages=STAGES,
        usual={"pool": _pool},
        lacks={"position_on": ("class",)},
    )


TIMM = _layout("timm", FUSED_QKV, FUSED_GATE, LAYER_SCALE)
TIMM_SPLIT_GLU = _layout("timm_split_glu", FUSED_QKV, SPLIT_GATE, LAYER_SCALE)
TIMM_EVA = _layout("timm_eva", FUSED_QKV, FUSED_GATE, GAMMA)
TIMM_EVA_SPLIT_GLU = _layout("timm_eva_split_glu", FUSED_QKV, SPLIT_GATE, GAMMA)
TIMM_EVA_SPLIT_QKV = _layout("timm_eva_split_qkv", SPLIT_QKV, FUSED_GATE, GAMMA)
TIMM_EVA_SPLIT_QKV_GLU = _layout("timm_eva_split_qkv_glu", SPLIT_QKV, SPLIT_GATE, GAMMA)
