"""softmax(q k^T * scale + bias) v.

Axes: b batch, t queries, s keys, h heads, g heads of k and v, e and w widths of a head.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.model.dropout import dropout


def attend(
    q: Float[Array, "b t h e"],
    k: Float[Array, "b s g e"],
    v: Float[Array, "b s g w"],
    config: ViTConfig,
    *,
    scale: float,
    bias: Float[Array, "1 h t s"] | None = None,
    rngs: nnx.Rngs | None = None,
) -> Float[Array, "b t h w"]:
    """Returns attention by the implementation that the config names.

    "auto" is jax.nn.dot_product_attention, but on CPU it is `head_major`, which is 1.3
    times faster there, forward and backward. jax.nn.dot_product_attention takes neither
    dropout nor values of another width than keys; with these it is `head_major`.

    Raises:
      InputError: attention='cudnn' without an NVIDIA GPU.
    """
    if config.attention == "cudnn" and jax.default_backend() != "gpu":
        raise InputError(
            f"attention='cudnn' needs an NVIDIA GPU, and JAX computes on the"
            f" {jax.default_backend()} here: choose attention='auto'."
        )
    drops = rngs is not None and config.attn_dropout > 0
    on_cpu = config.attention == "auto" and jax.default_backend() == "cpu"
    if on_cpu or drops or v.shape[-1] != k.shape[-1]:
        return head_major(q, k, v, scale, bias, config.attn_dropout, rngs)
    implementation = None if config.attention == "auto" else config.attention
    return jax.nn.dot_product_attention(
        q, k, v, bias, scale=scale, implementation=implementation
    )


def head_major(
    q: Float[Array, "b t h e"],
    k: Float[Array, "b s g e"],
    v: Float[Array, "b s g w"],
    scale: float,
    bias: Float[Array, "1 h t s"] | None,
    rate: float,
    rngs: nnx.Rngs | None,
) -> Float[Array, "b t h w"]:
    """Returns attention with a share `rate` of its weights dropped, if given rngs.

    Heads stand before tokens, so that each product is one of matrices that lie in one
    piece. Logits and softmax are float32, as in jax.nn.dot_product_attention; its sums
    divide the outputs, which are fewer than the weights.
    """
    groups = q.shape[2] // k.shape[2]
    k, v = (jnp.repeat(x, groups, axis=2) for x in (k, v))  # (b, s, h, ...)
    q, k, v = (x.swapaxes(1, 2) for x in (q * scale, k, v))  # (b, h, t or s, ...)
    logits = jnp.einsum("bhte,bhse->bhts", q, k, preferred_element_type=jnp.float32)
    logits = logits if bias is None else logits + bias
    top = jax.lax.stop_gradient(logits.max(-1, keepdims=True))
    weights = jnp.exp(logits - top)
    total = weights.sum(-1, keepdims=True)
    weights = dropout(weights, rate, rngs).astype(v.dtype)
    y = jnp.einsum("bhts,bhsw->bhtw", weights, v, preferred_element_type=jnp.float32)
    return (y / total).astype(v.dtype).swapaxes(1, 2)
