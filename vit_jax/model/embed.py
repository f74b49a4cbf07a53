"""Images to tokens.

Axes: b batch, r rows, c columns, k channels, p patches, t tokens, d embed_dim.
"""

import jax.numpy as jnp
import numpy as np
from einops import rearrange
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.model.dropout import dropout
from vit_jax.model.linear import Linear

Images = Float[Array, "b r c k"] | Float[np.ndarray, "b r c k"]


class Embed(nnx.Module):
    """Patches projected, class and distillation token before them, positions added."""

    def __init__(self, config: ViTConfig):
        rows, columns = config.patch_shape
        self.proj = Linear(
            rows * columns * config.in_channels, config.embed_dim, dtype=config.dtype
        )

        def rows_of(count: int) -> nnx.Param | None:
            shape = (1, count, config.embed_dim)
            return nnx.Param(jnp.zeros(shape, jnp.float32)) if count else None

        self.cls_token = rows_of(int(config.class_token != "none"))
        self.dist_token = rows_of(int(config.distill_token))
        learned = config.position == "learned"
        self.pos_embed = rows_of(config.num_positions if learned else 0)
        self.config = config

    def __call__(
        self, images: Images, *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b t d"]:
        x = self.proj(self.patchify(jnp.asarray(images)))  # (b, p, d)
        tokens = [token for token in (self.cls_token, self.dist_token) if token]
        shape = (images.shape[0], 1, self.config.embed_dim)
        prefix = [jnp.broadcast_to(token[...], shape) for token in tokens]
        dtype = x.dtype
        if self.pos_embed is None:
            x = jnp.concatenate([*prefix, x], axis=1)  # (b, t, d)
        elif self.config.position_on_prefix:
            x = jnp.concatenate([*prefix, x], axis=1) + self.pos_embed[...]
        else:
            x = jnp.concatenate([*prefix, x + self.pos_embed[...]], axis=1)
        return dropout(x.astype(dtype), self.config.pos_dropout, rngs)

    def patchify(self, images: Float[Array, "b r c k"]) -> Float[Array, "b p n"]:
        """Returns the patches row by row, n = patch rows * patch columns * channels."""
        if images.shape[1:] != self.config.image_shape:
            raise InputError(
                f"images of shape {images.shape} given, but the model takes"
                f" (batch, {', '.join(map(str, self.config.image_shape))}): resize"
                " them, or build the model with their image_size and in_channels."
            )
        rows, columns = self.config.patch_shape
        return rearrange(
            images,
            "b (grid_r r) (grid_c c) k -> b (grid_r grid_c) (r c k)",
            r=rows,
            c=columns,
        )
