"""ViTs around torch's nn.TransformerEncoder, whose blocks are post-norm.

The same keys serve norm_first, batch_first and every activation: a file does not tell.

Source: notebooks 003_abc2 and 002_3cb6; torch/nn/modules/transformer.py (torch 2.13).
"""

from vit_jax.weights.layout import Layout, Rule, Stage


def _encoder_rules(encoder: str) -> tuple[Rule, ...]:
    """Returns the rules of the blocks of an nn.TransformerEncoder of a name."""
    block = f"{encoder}.layers.{{i}}"
    return (
        Rule(
            f"{block}.self_attn.in_proj_weight",
            tuple(f"blocks.{{i}}.attn.{part}.kernel" for part in "qkv"),
            "cat i -> i cat",
        ),
        Rule(
            f"{block}.self_attn.in_proj_bias",
            tuple(f"blocks.{{i}}.attn.{part}.bias" for part in "qkv"),
            "cat -> cat",
        ),
        Rule(
            f"{block}.self_attn.out_proj.weight",
            "blocks.{i}.attn.proj.kernel",
            "o i -> i o",
        ),
        Rule(f"{block}.self_attn.out_proj.bias", "blocks.{i}.attn.proj.bias"),
        Rule(f"{block}.linear1.weight", "blocks.{i}.mlp.fc1.kernel", "o i -> i o"),
        Rule(f"{block}.linear1.bias", "blocks.{i}.mlp.fc1.bias"),
        Rule(f"{block}.linear2.weight", "blocks.{i}.mlp.fc2.kernel", "o i -> i o"),
        Rule(f"{block}.linear2.bias", "blocks.{i}.mlp.fc2.bias"),
        Rule(f"{block}.norm1.weight", "blocks.{i}.norm1.scale"),
        Rule(f"{block}.norm1.bias", "blocks.{i}.norm1.bias"),
        Rule(f"{block}.norm2.weight", "blocks.{i}.norm2.scale"),
        Rule(f"{block}.norm2.bias", "blocks.{i}.norm2.bias"),
    )


TORCH_ENCODER = Layout(
    name="torch_encoder",
    title="ViTs around nn.TransformerEncoder (notebook 003)",
    usual={"block": "post", "activation": "gelu", "norm_eps": 1e-5, "pool": "cls"},
    rules=(
        Rule("embeddings_block.cls_token", "embed.cls_token"),
        Rule("embeddings_block.position_embeddings", "embed.pos_embed"),
        Rule(
            "embeddings_block.patcher.0.weight",
            "embed.proj.kernel",
            "o channels rows columns -> (rows columns channels) o",
        ),
        Rule("embeddings_block.patcher.0.bias", "embed.proj.bias"),
        *_encoder_rules("encoder_blocks"),
        Rule("mlp_head.0.weight", "pool.norm.scale"),
        Rule("mlp_head.0.bias", "pool.norm.bias"),
        Rule("mlp_head.1.weight", "head.kernel", "o i -> i o"),
        Rule("mlp_head.1.bias", "head.bias"),
    ),
    stages=(
        Stage("patches", "embeddings_block.patcher", pattern="b d p -> b p d"),
        Stage("embed", "embeddings_block"),
        Stage("blocks.{i}", "encoder_blocks.layers.{i}"),
        Stage("pool", "mlp_head.1", "input"),
        Stage("logits", ""),
    ),
)

TORCH_ENCODER_BARE = Layout(
    name="torch_encoder_bare",
    title="ViTs around nn.TransformerEncoder (notebook 002)",
    usual={"block": "post", "activation": "relu", "norm_eps": 1e-5, "pool": "cls"},
    rules=(
        Rule("cls_token_embedding", "embed.cls_token"),
        Rule("position_embedding_table", "embed.pos_embed", "n d -> 1 n d"),
        # F.unfold counts channels first, then the patch's rows and columns.
        Rule(
            "weight",
            "embed.proj.kernel",
            "(channels rows columns) d -> (rows columns channels) d",
        ),
        *_encoder_rules("transformer_encoder"),
        Rule("linear_layer.weight", "head.kernel", "o i -> i o"),
        Rule("linear_layer.bias", "head.bias"),
    ),
    # No submodule projects the patches: the kernel is a tensor of its own.
    stages=(
        Stage("embed", "transformer_encoder", "input"),
        Stage("blocks.{i}", "transformer_encoder.layers.{i}"),
        Stage("pool", "linear_layer", "input"),
        Stage("logits", ""),
    ),
)
