"""Multi-head self-attention.

Axes: b batch, t tokens, d embed_dim, h heads, e head_dim.
"""

import jax
import jax.numpy as jnp
from einops import rearrange
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.model.dropout import dropout
from vit_jax.model.linear import Linear


class Attention(nnx.Module):
    """softmax(q k^T * scale) v over the tokens of each image."""

    def __init__(self, config: ViTConfig):
        inner_dim = config.num_heads * config.dim_per_head
        # Three kernels, not one fused: BEiT and DINOv3 bias q and v but never k.
        self.q, self.k, self.v = (
            Linear(
                config.embed_dim,
                inner_dim,
                use_bias=config.qkv_bias,
                dtype=config.dtype,
            )
            for _ in range(3)
        )
        self.proj = Linear(inner_dim, config.embed_dim, dtype=config.dtype)
        self.config = config

    def __call__(
        self, x: Float[Array, "b t d"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b t d"]:
        c = self.config
        if c.attention == "cudnn" and jax.default_backend() != "gpu":
            raise InputError(
                f"attention='cudnn' needs an NVIDIA GPU, and JAX computes on the"
                f" {jax.default_backend()} here: choose attention='auto'."
            )
        q, k, v = (
            rearrange(project(x), "b t (h e) -> b t h e", h=c.num_heads)
            for project in (self.q, self.k, self.v)
        )
        scale = c.dim_per_head**-0.5 if c.attn_scale is None else c.attn_scale
        if rngs is not None and c.attn_dropout:
            y = attend_with_dropout(q, k, v, scale, c.attn_dropout, rngs)
        else:
            y = jax.nn.dot_product_attention(
                q,
                k,
                v,
                scale=scale,
                implementation=None if c.attention == "auto" else c.attention,
            )  # (b, t, h, e)
        y = self.proj(rearrange(y, "b t h e -> b t (h e)"))
        return dropout(y, c.dropout, rngs)


def attend_with_dropout(
    q: Float[Array, "b t h e"],
    k: Float[Array, "b t h e"],
    v: Float[Array, "b t h e"],
    scale: float,
    rate: float,
    rngs: nnx.Rngs,
) -> Float[Array, "b t h e"]:
    """Returns attention with a share `rate` of its weights dropped.

    jax.nn.dot_product_attention takes no dropout; logits and softmax are float32
    here as they are there.
    """
    logits = jnp.einsum("bthe,bshe->bhts", q, k, preferred_element_type=jnp.float32)
    weights = dropout(jax.nn.softmax(logits * scale, axis=-1), rate, rngs)
    return jnp.einsum("bhts,bshe->bthe", weights.astype(v.dtype), v)
