"""Tokens to features.

Axes: b batch, t tokens, d embed_dim, n features of one image (absent, 2 or t).
"""

from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.norm import make_norm


class Pool(nnx.Module):
    """The class token, the mean of the patches, or all tokens; a norm if asked.

    A model with a distillation token keeps both tokens, one for each head.
    """

    def __init__(self, config: ViTConfig):
        self.norm = make_norm(config) if config.norm_after_pool else None
        self.config = config

    def __call__(self, x: Float[Array, "b t d"]) -> Float[Array, "b *n d"]:
        if self.config.distill_token:
            x = x[:, :2]  # (b, 2, d)
        elif self.config.pool == "cls":
            x = x[:, 0]  # (b, d)
        elif self.config.pool == "mean":
            x = x[:, self.config.num_prefix :].mean(axis=1)  # (b, d)
        return self.norm(x) if self.norm else x
