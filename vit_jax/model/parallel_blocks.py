"""Blocks whose branches stand side by side.

Axes: b batch, t tokens, d embed_dim.
"""

from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.attention import Attention
from vit_jax.model.block import Block
from vit_jax.model.dropout import Rate, drop_path
from vit_jax.model.mlp import Mlp
from vit_jax.model.norm import LayerScale, make_layer_scale, make_norm
from vit_jax.model.positions import Places


class ParallelBlock(nnx.Module):
    """Attention and MLP of one normed input, added together (ViT-22B)."""

    def __init__(self, config: ViTConfig, index: int):
        self.norm1 = make_norm(config)
        self.attn = Attention(config, index)
        self.mlp = Mlp(config)
        self.ls1 = make_layer_scale(config, "attn")

    def __call__(
        self,
        x: Float[Array, "b t d"],
        places: Places,
        *,
        drop_path_rate: Rate = 0.0,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b t d"]:
        y = self.norm1(x)
        y = self.attn(y, places, rngs=rngs) + self.mlp(y, rngs=rngs)
        y = self.ls1(y) if self.ls1 else y
        return x + drop_path(y, drop_path_rate, rngs)


class BranchedBlock(nnx.Module):
    """Pre-norm attentions side by side, then as many MLPs (arXiv:2203.09795)."""

    def __init__(self, config: ViTConfig, index: int):
        branches = range(config.num_branches)
        self.norm1 = nnx.List([make_norm(config) for _ in branches])
        self.attn = nnx.List([Attention(config, index) for _ in branches])
        self.norm2 = nnx.List([make_norm(config) for _ in branches])
        self.mlp = nnx.List([Mlp(config) for _ in branches])
        scaled = config.layer_scale is not None
        self.ls1 = nnx.List([LayerScale(config) for _ in branches]) if scaled else None
        self.ls2 = nnx.List([LayerScale(config) for _ in branches]) if scaled else None

    def __call__(
        self,
        x: Float[Array, "b t d"],
        places: Places,
        *,
        drop_path_rate: Rate = 0.0,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b t d"]:
        ys = [
            attn(norm(x), places, rngs=rngs)
            for norm, attn in zip(self.norm1, self.attn, strict=True)
        ]
        for i, y in enumerate(ys):
            x = x + drop_path(self.ls1[i](y) if self.ls1 else y, drop_path_rate, rngs)
        ys = [
            mlp(norm(x), rngs=rngs)
            for norm, mlp in zip(self.norm2, self.mlp, strict=True)
        ]
        for i, y in enumerate(ys):
            x = x + drop_path(self.ls2[i](y) if self.ls2 else y, drop_path_rate, rngs)
        return x


AnyBlock = Block | ParallelBlock | BranchedBlock


def make_block(config: ViTConfig, index: int) -> AnyBlock:
    """Returns the block of an index, of the kind that the config names."""
    if config.block == "parallel":
        return ParallelBlock(config, index)
    return (BranchedBlock if config.num_branches > 1 else Block)(config, index)
