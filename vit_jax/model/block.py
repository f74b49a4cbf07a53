"""One transformer block.

Axes: b batch, t tokens, d embed_dim.
"""

from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.attention import Attention
from vit_jax.model.dropout import Rate, drop_path
from vit_jax.model.mlp import Mlp
from vit_jax.model.norm import LayerScale, make_norm


class Block(nnx.Module):
    """Pre-norm attention and MLP, each added to its input."""

    def __init__(self, config: ViTConfig):
        scaled = config.layer_scale is not None
        self.norm1 = make_norm(config)
        self.attn = Attention(config)
        self.ls1 = LayerScale(config) if scaled else None
        self.norm2 = make_norm(config)
        self.mlp = Mlp(config)
        self.ls2 = LayerScale(config) if scaled else None

    def __call__(
        self,
        x: Float[Array, "b t d"],
        *,
        drop_path_rate: Rate = 0.0,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b t d"]:
        y = self.attn(self.norm1(x), rngs=rngs)
        x = x + drop_path(self.ls1(y) if self.ls1 else y, drop_path_rate, rngs)
        y = self.mlp(self.norm2(x), rngs=rngs)
        return x + drop_path(self.ls2(y) if self.ls2 else y, drop_path_rate, rngs)
