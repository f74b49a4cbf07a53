"""Tokens to features.

Axes: b batch, t tokens, d embed_dim, n features of one image (absent, 2 or t),
p width of a feature (d, or 2 d where two are joined).
"""

import jax.numpy as jnp
from einops import rearrange
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.attend import attend
from vit_jax.model.linear import Linear
from vit_jax.model.mlp import Mlp
from vit_jax.model.norm import make_norm


class AttentionPool(nnx.Module):
    """Attention of one learned query over tokens, then a residual MLP.

    Source: the MAP head of big_vision's ViT, as in SigLIP (arXiv:2303.15343).
    """

    def __init__(self, config: ViTConfig):
        d = config.embed_dim
        heads = config.pool_heads or config.num_heads
        self.latent = nnx.Param(jnp.zeros((1, 1, d), jnp.float32))
        self.q, self.k, self.v, self.proj = (
            Linear(d, d, dtype=config.dtype) for _ in range(4)
        )
        self.norm = make_norm(config)
        plain = config.replace(
            mlp="plain",
            mlp_norm=False,
            mlp_bias="both",
            mlp_dim=config.pool_mlp_dim or config.mlp_dim,
        )
        self.mlp = Mlp(plain)
        self.head_dim = d // heads
        self.config = config

    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b d"]:
        latent = jnp.broadcast_to(self.latent[...], (x.shape[0], 1, x.shape[2]))
        q, k, v = (
            rearrange(y, "b t (h e) -> b t h e", e=self.head_dim)
            for y in (self.q(latent), self.k(x), self.v(x))
        )
        y = attend(q, k, v, self.config, scale=self.head_dim**-0.5)
        y = self.proj(rearrange(y, "b t h e -> b t (h e)"))  # (b, 1, d)
        return (y + self.mlp(self.norm(y)))[:, 0]


class Pool(nnx.Module):
    """One token, a mean, both, attention, or all tokens; a norm if asked.

    A model with a distillation token keeps both tokens, one for each head.
    """

    def __init__(self, config: ViTConfig):
        self.attn = AttentionPool(config) if config.pool == "map" else None
        self.norm = make_norm(config) if config.norm_after_pool else None
        self.config = config

    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b *n p"]:
        x = self.reduce(x)
        return self.norm(x) if self.norm else x

    def reduce(self, x: Float[Array, "b t d"]) -> Float[Array, "b *n p"]:
        """Returns what the config's `pool` names."""
        c = self.config
        if c.distill_token:
            return x[:, :2]  # (b, 2, d)
        if c.pool == "cls":
            return x[:, 0 if c.class_token == "first" else -1]  # (b, d)
        if c.pool == "token":
            return x[:, c.pool_token]
        if c.pool == "none":
            return x
        if c.pool == "cls_mean":
            cls = x[:, 0 if c.class_token == "first" else -1]
            patches = x[:, c.num_prefix :][:, : c.num_patches]
            return jnp.concatenate([cls, patches.mean(axis=1)], axis=-1)  # (b, 2 d)
        seen = x if c.pool_prefix else x[:, c.num_prefix :][:, : c.num_patches]
        return self.attn(seen) if self.attn else seen.mean(axis=1)
