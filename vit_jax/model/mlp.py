"""The MLP of a block.

Axes: b batch, t tokens, d embed_dim, m mlp_dim.
"""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.dropout import dropout
from vit_jax.model.linear import Linear
from vit_jax.model.norm import make_norm


def gelu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns x times the normal distribution's CDF (arXiv:1606.08415), as torch does.

    In float32 whatever x has, by erf: XLA's erfc, which `jax.nn.gelu` takes, makes the
    MLP of a narrow model four times slower on CPU.
    """
    y = x.astype(jnp.float32)
    return (0.5 * y * (1 + jax.lax.erf(y * math.sqrt(0.5)))).astype(x.dtype)


def quick_gelu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns x * sigmoid(1.702 x), CLIP's approximation of GELU."""
    return x * jax.nn.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": gelu,
    "gelu_tanh": partial(jax.nn.gelu, approximate=True),
    "quick_gelu": quick_gelu,
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,  # of pre_logits alone
}


class Mlp(nnx.Module):
    """Two linear layers with an activation between them, which a third may gate."""

    def __init__(self, config: ViTConfig):
        d, m, dtype = config.embed_dim, config.mlp_dim, config.dtype
        first, second = config.mlp_bias != "none", config.mlp_bias == "both"
        gated = config.mlp == "gated"
        self.gate = Linear(d, m, use_bias=first, dtype=dtype) if gated else None
        self.fc1 = Linear(d, m, use_bias=first, dtype=dtype)
        self.norm = make_norm(config, m) if config.mlp_norm else None
        self.fc2 = Linear(m, d, use_bias=second, dtype=dtype)
        self.config = config

    def __call__(
        self, x: Float[Array, "b t d"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b t d"]:
        act, rate = ACTIVATIONS[self.config.activation], self.config.dropout
        # (b, t, m)
        y = act(self.gate(x)) * self.fc1(x) if self.gate else act(self.fc1(x))
        y = dropout(y, rate, rngs)
        y = self.fc2(self.norm(y) if self.norm else y)
        return dropout(y, rate, rngs)
