"""One transformer block.

Axes: b batch, t tokens, d embed_dim.
"""

from collections.abc import Callable
from functools import partial

from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.attention import Attention
from vit_jax.model.dropout import Rate, drop_path
from vit_jax.model.mlp import Mlp
from vit_jax.model.norm import make_layer_scale, make_norm
from vit_jax.model.positions import Places

Map = Callable[[Array], Array]


def pre(x: Array, norm: Map, branch: Map, drop: Map) -> Array:
    """Returns the input and the branch of the normed input (GPT-2, ViT)."""
    return x + drop(branch(norm(x)))


def post(x: Array, norm: Map, branch: Map, drop: Map) -> Array:
    """Returns the norm of the sum (arXiv:1706.03762, nn.TransformerEncoderLayer)."""
    return norm(x + drop(branch(x)))


def res_post(x: Array, norm: Map, branch: Map, drop: Map) -> Array:
    """Returns the input and the normed branch (Swin v2, arXiv:2111.09883)."""
    return x + drop(norm(branch(x)))


def normed_residual(x: Array, norm: Map, branch: Map, drop: Map) -> Array:
    """Returns the normed input and its branch; the input itself is lost."""
    x = norm(x)
    return x + drop(branch(x))


# How the attention and how the MLP join the residual stream.
JOINS = {
    "pre": (pre, pre),
    "post": (post, post),
    "res_post": (res_post, res_post),
    "pre_normed_residual": (normed_residual, pre),
}


class Block(nnx.Module):
    """Attention and MLP, each with its norm, added to the residual stream."""

    def __init__(self, config: ViTConfig, index: int):
        self.norm1 = make_norm(config)
        self.attn = Attention(config, index)
        self.ls1 = make_layer_scale(config, "attn")
        self.norm2 = make_norm(config)
        self.mlp = Mlp(config)
        self.ls2 = make_layer_scale(config, "mlp")
        self.wiring = config.block

    def __call__(
        self,
        x: Float[Array, "b t d"],
        places: Places,
        *,
        drop_path_rate: Rate = 0.0,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b t d"]:
        def attend(x: Array) -> Array:
            y = self.attn(x, places, rngs=rngs)
            return self.ls1(y) if self.ls1 else y

        def mix(x: Array) -> Array:
            y = self.mlp(x, rngs=rngs)
            return self.ls2(y) if self.ls2 else y

        drop = partial(drop_path, rate=drop_path_rate, rngs=rngs)
        join_attention, join_mlp = JOINS[self.wiring]
        y = join_attention(x, self.norm1, attend, drop)
        return join_mlp(y, self.norm2, mix, drop).astype(x.dtype)
