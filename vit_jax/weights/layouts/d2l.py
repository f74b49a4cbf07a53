"""A ViT of d2l's MultiHeadAttention, whose class token is the last one.

Source: notebook 001_0d9f; d2l/torch.py (d2l 1.0), class MultiHeadAttention.
"""

from vit_jax.weights.layout import Layout, Rule, Stage

_BLOCK = "transformer.transformer.transformer{i}"

D2L = Layout(
    name="d2l",
    title="ViTs of d2l's attention (notebook 001)",
    fixed={"class_token": "last", "position_on": "all"},
    usual={"activation": "relu", "norm_eps": 1e-5, "pool": "cls"},
    rules=(
        # The table's rows are in the order of the sequence: the class token's is last.
        Rule("pos.cls", "embed.cls_token"),
        Rule("pos.pos_emb", "embed.pos_embed"),
        Rule(
            "patch.conv.weight",
            "embed.proj.kernel",
            "o channels rows columns -> (rows columns channels) o",
        ),
        Rule("patch.conv.bias", "embed.proj.bias"),
        Rule(f"{_BLOCK}.norm1.weight", "blocks.{i}.norm1.scale"),
        Rule(f"{_BLOCK}.norm1.bias", "blocks.{i}.norm1.bias"),
        Rule(
            f"{_BLOCK}.Attention.W_q.weight", "blocks.{i}.attn.q.kernel", "o i -> i o"
        ),
        Rule(
            f"{_BLOCK}.Attention.W_k.weight", "blocks.{i}.attn.k.kernel", "o i -> i o"
        ),
        Rule(
            f"{_BLOCK}.Attention.W_v.weight", "blocks.{i}.attn.v.kernel", "o i -> i o"
        ),
        Rule(
            f"{_BLOCK}.Attention.W_o.weight",
            "blocks.{i}.attn.proj.kernel",
            "o i -> i o",
        ),
        # d2l biases none of the four unless it is told to.
        Rule(f"{_BLOCK}.Attention.W_q.bias", "blocks.{i}.attn.q.bias"),
        Rule(f"{_BLOCK}.Attention.W_k.bias", "blocks.{i}.attn.k.bias"),
        Rule(f"{_BLOCK}.Attention.W_v.bias", "blocks.{i}.attn.v.bias"),
        Rule(f"{_BLOCK}.Attention.W_o.bias", "blocks.{i}.attn.proj.bias"),
        Rule(f"{_BLOCK}.norm2.weight", "blocks.{i}.norm2.scale"),
        Rule(f"{_BLOCK}.norm2.bias", "blocks.{i}.norm2.bias"),
        Rule(f"{_BLOCK}.mlp.0.weight", "blocks.{i}.mlp.fc1.kernel", "o i -> i o"),
        Rule(f"{_BLOCK}.mlp.0.bias", "blocks.{i}.mlp.fc1.bias"),
        Rule(f"{_BLOCK}.mlp.2.weight", "blocks.{i}.mlp.fc2.kernel", "o i -> i o"),
        Rule(f"{_BLOCK}.mlp.2.bias", "blocks.{i}.mlp.fc2.bias"),
        Rule("mlphead.weight", "head.kernel", "o i -> i o"),
        Rule("mlphead.bias", "head.bias"),
    ),
    stages=(
        Stage("patches", "patch"),
        Stage("embed", "pos"),
        Stage("blocks.{i}", _BLOCK),
        Stage("pool", "mlphead", "input"),
        Stage("logits", ""),
    ),
)
