"""A linear layer.

Axes: i input features, o output features; any axes before them.
"""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float


class Linear(nnx.Module):
    """y = x @ kernel + bias; float32 parameters, product in `dtype`.

    The product is taken over two-dimensional rows: XLA's CPU backend compiles a ViT's
    training step in half the time and runs it 1.5 to 1.7 times faster than with
    (b, t, d) operands, and other backends see the same matrix product.

    Parameters are zeros until `vit_jax.model.init` or a converter fills them.
    """

    def __init__(
        self, in_features: int, out_features: int, *, use_bias: bool = True, dtype: str
    ):
        self.kernel = nnx.Param(jnp.zeros((in_features, out_features), jnp.float32))
        bias = jnp.zeros(out_features, jnp.float32)
        self.bias = nnx.Param(bias) if use_bias else None
        self.dtype = dtype

    def __call__(self, x: Float[Array, "*n i"]) -> Float[Array, "*n o"]:
        rows = x.reshape(-1, x.shape[-1]).astype(self.dtype)  # (n, i)
        y = rows @ self.kernel[...].astype(self.dtype)  # (n, o)
        if self.bias is not None:
            y = y + self.bias[None].astype(self.dtype)
        return y.reshape(*x.shape[:-1], -1)
