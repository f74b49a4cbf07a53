"""timm's blocks whose branches stand side by side.

Source: ParallelScalingBlock, DiffParallelScalingBlock and ParallelThingsBlock of
timm/models/vision_transformer.py (timm 1.0.31).
"""

from vit_jax.weights.layout import Layout, Rule
from vit_jax.weights.layouts.timm import HEAD, STAGES, STEM

QKV = tuple(f"blocks.{{i}}.attn.{part}" for part in "qkv")

# The MLP's first layer, q, k and v are one product.
INPUT = (
    Rule("blocks.{i}.in_norm.weight", "blocks.{i}.norm1.scale"),
    Rule("blocks.{i}.in_norm.bias", "blocks.{i}.norm1.bias"),
    Rule(
        "blocks.{i}.in_proj.weight",
        tuple(f"{name}.kernel" for name in ("blocks.{i}.mlp.fc1", *QKV)),
        "cat i -> i cat",
    ),
    Rule(
        "blocks.{i}.in_proj.bias",
        tuple(f"{name}.bias" for name in ("blocks.{i}.mlp.fc1", *QKV)),
        "cat -> cat",
    ),
    # Where q, k and v have no bias.
    Rule("blocks.{i}.mlp_bias", "blocks.{i}.mlp.fc1.bias"),
    *(
        Rule(
            f"blocks.{{i}}.{part}_norm.{theirs}",
            f"blocks.{{i}}.attn.{part}_norm.{ours}",
        )
        for part in "qk"
        for theirs, ours in (("weight", "scale"), ("bias", "bias"))
    ),
    *(
        Rule(f"blocks.{{i}}.{name}", f"blocks.{{i}}.attn.differential.{name}")
        for name in ("lambda_q1", "lambda_k1", "lambda_q2", "lambda_k2")
    ),
    Rule("blocks.{i}.sub_norm.weight", "blocks.{i}.attn.differential.norm.scale"),
    Rule("blocks.{i}.ls.gamma", "blocks.{i}.ls1.gamma"),
)

TIMM_PARALLEL = Layout(
    name="timm_parallel",
    title="timm's files of ViT-22B's blocks",
    rules=(
        *STEM,
        *INPUT,
        Rule(
            "blocks.{i}.attn_out_proj.weight",
            "blocks.{i}.attn.proj.kernel",
            "o i -> i o",
        ),
        Rule("blocks.{i}.attn_out_proj.bias", "blocks.{i}.attn.proj.bias"),
        Rule(
            "blocks.{i}.mlp_out_proj.weight", "blocks.{i}.mlp.fc2.kernel", "o i -> i o"
        ),
        Rule("blocks.{i}.mlp_out_proj.bias", "blocks.{i}.mlp.fc2.bias"),
        *HEAD,
    ),
    stages=STAGES,
)

# The two output layers are one product, with one bias.
TIMM_PARALLEL_FUSED = Layout(
    name="timm_parallel_fused",
    title="timm's files of ViT-22B's blocks",
    rules=(
        *STEM,
        *INPUT,
        Rule(
            "blocks.{i}.out_proj.weight",
            ("blocks.{i}.attn.proj.kernel", "blocks.{i}.mlp.fc2.kernel"),
            "o cat -> cat o",
        ),
        Rule("blocks.{i}.out_proj.bias", "blocks.{i}.attn.proj.bias"),
        *HEAD,
    ),
    stages=STAGES,
)

# (theirs, ours, pattern) within an attention or an MLP of a branch.
ATTENTION = (
    ("norm.weight", "norm1.J.scale", "... -> ..."),
    ("norm.bias", "norm1.J.bias", "... -> ..."),
    ("attn.proj.weight", "attn.J.proj.kernel", "o i -> i o"),
    ("attn.proj.bias", "attn.J.proj.bias", "... -> ..."),
    ("ls.gamma", "ls1.J.gamma", "... -> ..."),
)
MLP = (
    ("norm.weight", "norm2.J.scale", "... -> ..."),
    ("norm.bias", "norm2.J.bias", "... -> ..."),
    ("mlp.fc1.weight", "mlp.J.fc1.kernel", "o i -> i o"),
    ("mlp.fc1.bias", "mlp.J.fc1.bias", "... -> ..."),
    ("mlp.fc2.weight", "mlp.J.fc2.kernel", "o i -> i o"),
    ("mlp.fc2.bias", "mlp.J.fc2.bias", "... -> ..."),
    ("ls.gamma", "ls2.J.gamma", "... -> ..."),
)

TIMM_18X2 = Layout(
    name="timm_18x2",
    title="timm's files of two branches a block",
    rules=(
        *STEM,
        *(
            Rule(
                f"blocks.{{i}}.{branch}.{j}.{theirs}",
                f"blocks.{{i}}.{ours.replace('J', j)}",
                pattern,
            )
            for j in "01"
            for branch, rules in (("attns", ATTENTION), ("ffns", MLP))
            for theirs, ours, pattern in rules
        ),
        *(
            Rule(
                f"blocks.{{i}}.attns.{j}.attn.qkv.{theirs}",
                tuple(f"blocks.{{i}}.attn.{j}.{part}.{ours}" for part in "qkv"),
                pattern,
            )
            for j in "01"
            for theirs, ours, pattern in (
                ("weight", "kernel", "cat i -> i cat"),
                ("bias", "bias", "cat -> cat"),
            )
        ),
        *HEAD,
    ),
    stages=STAGES,
)
