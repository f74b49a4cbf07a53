"""Normalisation layers and layer scale.

Axes: b batch, t tokens, d embed_dim.
"""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig

Norm = nnx.LayerNorm | nnx.RMSNorm


def make_norm(config: ViTConfig, features: int | None = None) -> Norm:
    """Returns a norm over the last axis, computed and given back in float32.

    The variance is taken in two passes: Flax's default, E[x^2] - E[x]^2, is off by
    6e-5 to 4e-3 where a channel's mean is 10 to 100 times its deviation.

    Args:
      features: length of the axis; None for embed_dim.
    """
    kind = {"layer": nnx.LayerNorm, "rms": nnx.RMSNorm}[config.norm]
    return kind(
        features or config.embed_dim,
        epsilon=config.norm_eps,
        dtype=jnp.float32,
        use_fast_variance=False,
        rngs=nnx.Rngs(0),
    )


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
