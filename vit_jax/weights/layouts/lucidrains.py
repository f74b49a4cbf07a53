"""lucidrains' vit-pytorch as it was from 2021-03-29 to 2023-01.

Source: vit_pytorch/vit.py of commit 8135d70, whose Transformer notebook 004_0467 has.
"""

from vit_jax.weights.mapping import Layout, Rule, Stage

_ATTN = "transformer.layers.{i}.0"
_MLP = "transformer.layers.{i}.1"

LUCIDRAINS_2021 = Layout(
    name="lucidrains_2021",
    rules=(
        Rule("cls_token", "embed.cls_token"),
        Rule("pos_embedding", "embed.pos_embed"),
        # Patches are flattened as (rows columns channels), as ours are.
        Rule("to_patch_embedding.1.weight", "embed.proj.kernel", "o i -> i o"),
        Rule("to_patch_embedding.1.bias", "embed.proj.bias"),
        Rule(f"{_ATTN}.norm.weight", "blocks.{i}.norm1.scale"),
        Rule(f"{_ATTN}.norm.bias", "blocks.{i}.norm1.bias"),
        Rule(
            f"{_ATTN}.fn.to_qkv.weight",
            tuple(f"blocks.{{i}}.attn.{part}.kernel" for part in "qkv"),
            "cat i -> i cat",
        ),
        # No such layer for one head as wide as the tokens.
        Rule(
            f"{_ATTN}.fn.to_out.0.weight", "blocks.{i}.attn.proj.kernel", "o i -> i o"
        ),
        Rule(f"{_ATTN}.fn.to_out.0.bias", "blocks.{i}.attn.proj.bias"),
        Rule(f"{_MLP}.norm.weight", "blocks.{i}.norm2.scale"),
        Rule(f"{_MLP}.norm.bias", "blocks.{i}.norm2.bias"),
        Rule(f"{_MLP}.fn.net.0.weight", "blocks.{i}.mlp.fc1.kernel", "o i -> i o"),
        Rule(f"{_MLP}.fn.net.0.bias", "blocks.{i}.mlp.fc1.bias"),
        Rule(f"{_MLP}.fn.net.3.weight", "blocks.{i}.mlp.fc2.kernel", "o i -> i o"),
        Rule(f"{_MLP}.fn.net.3.bias", "blocks.{i}.mlp.fc2.bias"),
        Rule("mlp_head.0.weight", "pool.norm.scale"),
        Rule("mlp_head.0.bias", "pool.norm.bias"),
        Rule("mlp_head.1.weight", "head.kernel", "o i -> i o"),
        Rule("mlp_head.1.bias", "head.bias"),
    ),
    # Both sums of a block are the Transformer's own: no submodule gives them, the next
    # block takes them.
    stages=(
        Stage("patches", "to_patch_embedding"),
        Stage("embed", "transformer", "input"),
        Stage("blocks.{i}", "transformer.layers.{next}.0", "input"),
        Stage("blocks.{last}", "transformer"),
        Stage("pool", "mlp_head.1", "input"),
        Stage("logits", ""),
    ),
)
