"""timm's ViT, DeiT and DeiT III, and all who copied its names.

Source: timm/models/vision_transformer.py and deit.py (timm 1.0).
"""

from vit_jax.weights.mapping import Layout, Rule, Stage

TIMM = Layout(
    name="timm",
    rules=(
        Rule("cls_token", "embed.cls_token"),
        Rule("dist_token", "embed.dist_token"),
        Rule("pos_embed", "embed.pos_embed"),
        Rule(
            "patch_embed.proj.weight",
            "embed.proj.kernel",
            "o channels rows columns -> (rows columns channels) o",
        ),
        Rule("patch_embed.proj.bias", "embed.proj.bias"),
        Rule("blocks.{i}.norm1.weight", "blocks.{i}.norm1.scale"),
        Rule("blocks.{i}.norm1.bias", "blocks.{i}.norm1.bias"),
        Rule(
            "blocks.{i}.attn.qkv.weight",
            tuple(f"blocks.{{i}}.attn.{part}.kernel" for part in "qkv"),
            "(parts o) i -> parts i o",
        ),
        Rule(
            "blocks.{i}.attn.qkv.bias",
            tuple(f"blocks.{{i}}.attn.{part}.bias" for part in "qkv"),
            "(parts o) -> parts o",
        ),
        Rule(
            "blocks.{i}.attn.proj.weight", "blocks.{i}.attn.proj.kernel", "o i -> i o"
        ),
        Rule("blocks.{i}.attn.proj.bias", "blocks.{i}.attn.proj.bias"),
        Rule("blocks.{i}.ls1.gamma", "blocks.{i}.ls1.gamma"),
        Rule("blocks.{i}.norm2.weight", "blocks.{i}.norm2.scale"),
        Rule("blocks.{i}.norm2.bias", "blocks.{i}.norm2.bias"),
        Rule("blocks.{i}.mlp.fc1.weight", "blocks.{i}.mlp.fc1.kernel", "o i -> i o"),
        Rule("blocks.{i}.mlp.fc1.bias", "blocks.{i}.mlp.fc1.bias"),
        Rule("blocks.{i}.mlp.fc2.weight", "blocks.{i}.mlp.fc2.kernel", "o i -> i o"),
        Rule("blocks.{i}.mlp.fc2.bias", "blocks.{i}.mlp.fc2.bias"),
        Rule("blocks.{i}.ls2.gamma", "blocks.{i}.ls2.gamma"),
        Rule("norm.weight", "norm.scale"),
        Rule("norm.bias", "norm.bias"),
        Rule("fc_norm.weight", "pool.norm.scale"),
        Rule("fc_norm.bias", "pool.norm.bias"),
        Rule("head.weight", "head.kernel", "o i -> i o"),
        Rule("head.bias", "head.bias"),
        Rule("head_dist.weight", "head_dist.kernel", "o i -> i o"),
        Rule("head_dist.bias", "head_dist.bias"),
    ),
    stages=(
        Stage("embed", "blocks.0", "input"),
        Stage("blocks.{i}", "blocks.{i}"),
        Stage("norm", "norm"),
        Stage("pool", "head", "input"),
        Stage("logits", ""),
    ),
)
