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

    jax.nn.dot_product_attention takes neither dropout nor values of another width than
    keys; with these the weights are written out.

    Raises:
      InputError: attention='cudnn' without an NVIDIA GPU.
    """
    if config.attention == "cudnn" and jax.default_backend() != "gpu":
        raise InputError(
            f"attention='cudnn' needs an NVIDIA GPU, and JAX computes on the"
            f" {jax.default_backend()} here: choose attention='auto'."
        )
    drops = rngs is not None and config.attn_dropout > 0
    if drops or v.shape[-1] != k.shape[-1]:
        return _write_out(q, k, v, scale, bias, config.attn_dropout, rngs)
    implementation = None if config.attention == "auto" else config.attention
    return jax.nn.dot_product_attention(
        q, k, v, bias, scale=scale, implementation=implementation
    )


def _write_out(
    q: Float[Array, "b t h e"],
    k: Float[Array, "b s g e"],
    v: Float[Array, "b s g w"],
    scale: float,
    bias: Float[Array, "1 h t s"] | None,
    rate: float,
    rngs: nnx.Rngs | None,
) -> Float[Array, "b t h w"]:
    """Returns attention with a share `rate` of its weights dropped, if given rngs.

    Logits and softmax are float32, as they are in jax.nn.dot_product_attention.
    """
    groups = q.shape[2] // k.shape[2]
    k, v = (jnp.repeat(x, groups, axis=2) for x in (k, v))  # (b, s, h, ...)
    logits = jnp.einsum("bthe,bshe->bhts", q, k, preferred_element_type=jnp.float32)
    logits = logits * scale if bias is None else logits * scale + bias
    weights = dropout(jax.nn.softmax(logits, axis=-1), rate, rngs)
    return jnp.einsum("bhts,bshw->bthw", weights.astype(v.dtype), v)
