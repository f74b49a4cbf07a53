"""The MLP of a block.

Axes: b batch, t tokens, d embed_dim, m mlp_dim.
"""

from collections.abc import Callable
from functools import partial

import jax
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.dropout import dropout
from vit_jax.model.linear import Linear


def quick_gelu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns x * sigmoid(1.702 x), CLIP's approximation of GELU."""
    return x * jax.nn.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": partial(jax.nn.gelu, approximate=True),
    "quick_gelu": quick_gelu,
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
}


class Mlp(nnx.Module):
    """Two linear layers with an activation between them."""

    def __init__(self, config: ViTConfig):
        self.fc1 = Linear(config.embed_dim, config.mlp_dim, dtype=config.dtype)
        self.fc2 = Linear(config.mlp_dim, config.embed_dim, dtype=config.dtype)
        self.config = config

    def __call__(
        self, x: Float[Array, "b t d"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b t d"]:
        x = ACTIVATIONS[self.config.activation](self.fc1(x))  # (b, t, m)
        x = self.fc2(dropout(x, self.config.dropout, rngs))
        return dropout(x, self.config.dropout, rngs)
