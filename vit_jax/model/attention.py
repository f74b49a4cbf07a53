"""Multi-head self-attention.

Axes: b batch, t tokens, d embed_dim, h heads, e head_dim.
"""

import jax.numpy as jnp
from einops import rearrange
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.attend import attend
from vit_jax.model.differential import Differential
from vit_jax.model.dropout import dropout
from vit_jax.model.linear import Linear
from vit_jax.model.norm import make_norm
from vit_jax.model.positions import Places, num_relative_positions
from vit_jax.model.rope import MixedRope, rotate


class Attention(nnx.Module):
    """softmax(q k^T * scale) v over the tokens of each image.

    Args:
      index: of the block.
    """

    def __init__(self, config: ViTConfig, index: int):
        c, head = config, config.dim_per_head
        kv_heads = c.num_kv_heads[index] if c.num_kv_heads else c.num_heads
        # Three kernels, not one fused: BEiT and DINOv3 bias q and v but never k.
        self.q, self.k, self.v = (
            Linear(
                c.embed_dim, heads * head, use_bias=part in c.qkv_bias, dtype=c.dtype
            )
            for part, heads in zip(
                "qkv", (c.num_heads, kv_heads, kv_heads), strict=True
            )
        )
        self.width = head // 2 if c.differential else head  # of one head of q and k
        self.q_norm = make_norm(c, self.width) if c.qk_norm else None
        self.k_norm = make_norm(c, self.width) if c.qk_norm else None
        self.rope = MixedRope(c) if c.rope == "mixed" else None
        self.relative_bias = (
            nnx.Param(jnp.zeros((num_relative_positions(c), c.num_heads), jnp.float32))
            if c.relative_position_bias
            else None
        )
        self.differential = Differential(c, index) if c.differential else None
        self.norm = make_norm(c, c.num_heads * head) if c.attn_norm else None
        self.proj = (
            Linear(c.num_heads * head, c.embed_dim, use_bias=c.proj_bias, dtype=c.dtype)
            if c.attn_proj
            else None
        )
        self.scale = self.width**-0.5 if c.attn_scale is None else c.attn_scale
        self.config = c

    def __call__(
        self,
        x: Float[Array, "b t d"],
        places: Places,
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b t d"]:
        over_batch = self.config.attend_over == "batch"
        x = x.swapaxes(0, 1) if over_batch else x  # (t, b, d)
        q, k, v = self.project(x, places)
        if self.differential:
            y = self.differential(q, k, v, scale=self.scale, rngs=rngs)
        else:
            bias = None
            if self.relative_bias is not None:
                table = jnp.asarray(self.relative_bias[...])
                bias = rearrange(table[places.relative], "t s h -> 1 h t s")
            y = attend(q, k, v, self.config, scale=self.scale, bias=bias, rngs=rngs)
        y = rearrange(y, "b t h e -> b t (h e)")
        y = self.norm(y).astype(v.dtype) if self.norm else y
        y = self.proj(y) if self.proj else y
        y = y.swapaxes(0, 1) if over_batch else y
        return dropout(y, self.config.dropout, rngs)

    def project(
        self, x: Float[Array, "b t d"], places: Places
    ) -> tuple[Float[Array, "b t h e"], ...]:
        """Returns q, k and v by head; q and k normed and rotated."""
        q = rearrange(self.q(x), "b t (h e) -> b t h e", e=self.width)
        k = rearrange(self.k(x), "b t (h e) -> b t h e", e=self.width)
        v = rearrange(self.v(x), "b t (h e) -> b t h e", e=self.config.dim_per_head)
        if self.q_norm and self.k_norm:
            q, k = self.q_norm(q).astype(v.dtype), self.k_norm(k).astype(v.dtype)
        turn = self.rope() if self.rope else places.rotation
        if turn is not None:
            q, k = rotate(q, turn, self.config), rotate(k, turn, self.config)
        return q, k, v
