"""Normalisation layers and layer scale.

Axes: b batch, t tokens, d embed_dim; n any axes before the last.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def standardise(
    x: Float[Array, "*n d"], epsilon: float, center: bool
) -> Float[Array, "*n d"]:
    """Returns x by its root mean square over the last axis, less its mean if to center.

    The variance is taken in two passes: E[x^2] - E[x]^2 is off by 6e-5 to 4e-3 where a
    mean is 10 to 100 times the deviation.
    """
    x, factor = _measure(x, epsilon, center)
    return x * factor


@standardise.defjvp
def _standardise_jvp(
    epsilon: float, center: bool, primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    """Derives by the result itself, whose mean is 0: one pass back instead of two."""
    x, factor = _measure(*primals, epsilon, center)
    y, (change,) = x * factor, tangents
    along = y * (y * change).mean(-1, keepdims=True)
    if center:
        change = change - change.mean(-1, keepdims=True)
    return y, factor * (change - along)


def _measure(x: Array, epsilon: float, center: bool) -> tuple[Array, Array]:
    x = x - x.mean(-1, keepdims=True) if center else x
    return x, jax.lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + epsilon)


class LayerNorm(nnx.Module):
    """Mean 0 and deviation 1 over the last axis, then a factor and a term a channel.

    In float32, and given back in it.
    """

    def __init__(self, features: int, epsilon: float):
        self.scale = nnx.Param(jnp.zeros(features, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(features, jnp.float32))
        self.epsilon = epsilon

    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        axes = (None,) * (x.ndim - 1)
        y = standardise(jnp.asarray(x, jnp.float32), self.epsilon, True)
        return y * self.scale[axes] + self.bias[axes]


class RmsNorm(nnx.Module):
    """Mean square 1 over the last axis, then a factor a channel (arXiv:1910.07467).

    In float32, and given back in it.
    """

    def __init__(self, features: int, epsilon: float):
        self.scale = nnx.Param(jnp.zeros(features, jnp.float32))
        self.epsilon = epsilon

    def __call__(self, x: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        y = standardise(jnp.asarray(x, jnp.float32), self.epsilon, False)
        return y * self.scale[(None,) * (x.ndim - 1)]


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
