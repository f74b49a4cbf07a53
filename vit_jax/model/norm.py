"""Normalisation layers and layer scale.

Axes: b batch, t tokens, d embed_dim; n any axes before the last.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig


class LayerNorm(nnx.Module):
    """Mean 0 and deviation 1 over the last axis, then a factor and a term a channel.

    In float32, and given back in it. The variance is taken in two passes: E[x^2] -
    E[x]^2 is off by 6e-5 to 4e-3 where a mean is 10 to 100 times the deviation.
    """

    def __init__(self, features: int, epsilon: float):
        self.scale = nnx.Param(jnp.zeros(features, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(features, jnp.float32))
        self.epsilon = epsilon

    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        axes = (None,) * (x.ndim - 1)
        x = jnp.asarray(x, jnp.float32)
        x = x - x.mean(-1, keepdims=True)
        factor = jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + self.epsilon)
        return x * (factor * self.scale[axes]) + self.bias[axes]


class RmsNorm(nnx.Module):
    """Mean square 1 over the last axis, then a factor a channel (arXiv:1910.07467).

    In float32, and given back in it.
    """

    def __init__(self, features: int, epsilon: float):
        self.scale = nnx.Param(jnp.zeros(features, jnp.float32))
        self.epsilon = epsilon

    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        x = jnp.asarray(x, jnp.float32)
        factor = jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + self.epsilon)
        return x * (factor * self.scale[(None,) * (x.ndim - 1)])


Norm = LayerNorm | RmsNorm


def make_norm(config: ViTConfig, features: int | None = None) -> Norm:
    """Returns the config's norm over a last axis of `features`, None for embed_dim."""
    kind = {"layer": LayerNorm, "rms": RmsNorm}[config.norm]
    return kind(features or config.embed_dim, config.norm_eps)


class LayerScale(nnx.Module):
    """A learned factor per channel (CaiT, arXiv:2103.17239, section 2)."""

    def __init__(self, config: ViTConfig):
        self.gamma = nnx.Param(jnp.zeros(config.embed_dim, jnp.float32))

    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b t d"]:
        return x * self.gamma[None, None].astype(x.dtype)


def make_layer_scale(config: ViTConfig, on: str) -> LayerScale | None:
    """Returns the layer scale of a branch, "attn" or "mlp"; None where it has none."""
    has_one = on == "attn" or config.layer_scale_on == "both"
    return LayerScale(config) if has_one and config.layer_scale is not None else None
