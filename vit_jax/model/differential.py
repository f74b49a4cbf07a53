"""Differential attention: one softmax less another (arXiv:2410.05258).

Axes: b batch, t tokens, h heads, e head_dim, f = e / 2.
"""

import math

import jax.numpy as jnp
from einops import rearrange
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.attend import attend
from vit_jax.model.norm import RmsNorm


class Differential(nnx.Module):
    """(softmax(q1 k1^T) - lambda softmax(q2 k2^T)) v, and a norm on each head.

    Args:
      index: of the block, on which lambda's start depends.
    """

    def __init__(self, config: ViTConfig, index: int):
        def vector() -> nnx.Param:
            return nnx.Param(jnp.zeros(config.dim_per_head // 2, jnp.float32))

        self.lambda_q1, self.lambda_k1 = vector(), vector()
        self.lambda_q2, self.lambda_k2 = vector(), vector()
        # This eps is the paper's, whatever the other norms have.
        self.norm = RmsNorm(config.dim_per_head, 1e-5)
        self.start = 0.8 - 0.6 * math.exp(-0.3 * index)
        self.config = config

    def __call__(
        self,
        q: Float[Array, "b t h2 f"],
        k: Float[Array, "b t h2 f"],
        v: Float[Array, "b t h e"],
        *,
        scale: float,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b t h e"]:
        q1, q2 = rearrange(q, "b t (h two) f -> two b t h f", two=2)
        k1, k2 = rearrange(k, "b t (h two) f -> two b t h f", two=2)
        one = attend(q1, k1, v, self.config, scale=scale, rngs=rngs)
        two = attend(q2, k2, v, self.config, scale=scale, rngs=rngs)
        factor = (
            jnp.exp(jnp.sum(self.lambda_q1[...] * self.lambda_k1[...]))
            - jnp.exp(jnp.sum(self.lambda_q2[...] * self.lambda_k2[...]))
            + self.start
        )
        y = self.norm(one - factor.astype(two.dtype) * two) * (1 - self.start)
        return y.astype(v.dtype)
