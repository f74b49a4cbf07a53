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
from vit_jax.model.norm import make_norm
from vit_jax.model.positions import sincos_table

Images = Float[Array, "b r c k"] | Float[np.ndarray, "b r c k"]


class Embed(nnx.Module):
    """Patches projected, tokens set around them, positions added."""

    def __init__(self, config: ViTConfig):
        c = config
        rows, columns = c.patch_shape
        num_values = rows * columns * c.in_channels
        self.pixel_norm = make_norm(c, num_values) if c.pixel_norm else None
        self.proj = Linear(
            num_values,
            c.embed_dim,
            use_bias=c.patch_bias,
            dtype=c.dtype,
        )
        self.patch_norm = make_norm(c) if c.patch_norm else None

        def rows_of(count: int) -> nnx.Param | None:
            shape = (1, count, c.embed_dim)
            return nnx.Param(jnp.zeros(shape, jnp.float32)) if count else None

        self.cls_token = rows_of(int(c.class_token != "none"))
        self.dist_token = rows_of(int(c.distill_token))
        self.reg_token = rows_of(c.num_registers)
        table = c.position_rows or c.num_positions
        self.pos_embed = rows_of(table if c.position == "learned" else 0)
        self.norm = make_norm(c) if c.stem_norm else None
        self.config = c

    def __call__(
        self, images: Images, *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b t d"]:
        return self.tokens(self.patches(images), rngs=rngs)

    def patches(self, images: Images) -> Float[Array, "b p d"]:
        """Returns the projected patches, row by row."""
        x = self.patchify(jnp.asarray(images))
        if self.pixel_norm:
            x = self.pixel_norm(x)
        x = self.proj(x)
        return self.patch_norm(x).astype(x.dtype) if self.patch_norm else x

    def tokens(
        self, x: Float[Array, "b p d"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b t d"]:
        """Returns patches with the other tokens around them, and positions added."""
        c, dtype, batch = self.config, x.dtype, x.shape[0]

        def repeat(token: nnx.Param | None) -> list[Array]:
            if token is None:
                return []
            return [jnp.broadcast_to(token[...], (batch, *token.shape[1:]))]

        cls, distill = repeat(self.cls_token), repeat(self.dist_token)
        registers = repeat(self.reg_token)
        before = [*(cls if c.class_token == "first" else []), *distill]
        after = cls if c.class_token == "last" else []
        if c.position_on == "patches":
            x = self.add_positions(x)
            x = jnp.concatenate([*before, *registers, x, *after], axis=1)
        elif c.position_on == "class" and registers:
            x = self.add_positions(jnp.concatenate([*before, x, *after], axis=1))
            x = jnp.concatenate(
                [x[:, : len(before)], *registers, x[:, len(before) :]], axis=1
            )
        else:
            x = jnp.concatenate([*before, *registers, x, *after], axis=1)
            x = self.add_positions(x)
        x = dropout(x.astype(dtype), c.pos_dropout, rngs)
        return self.norm(x).astype(dtype) if self.norm else x

    def add_positions(self, x: Float[Array, "b t d"]) -> Float[Array, "b t d"]:
        """Returns tokens with the table added, its first rows if it is longer."""
        if self.pos_embed is not None:
            return x + self.pos_embed[...][:, : x.shape[1]]
        return x if self.config.position == "none" else x + sincos_table(self.config)

    def patchify(self, images: Float[Array, "b r c k"]) -> Float[Array, "b p n"]:
        """Returns the patches row by row, n = patch rows * patch columns * channels."""
        if images.shape[1:] != self.config.image_shape:
            raise InputError(
                f"images of shape {images.shape} given, but the model takes"
                f" (batch, {', '.join(map(str, self.config.image_shape))}): resize"
                " them, or build the model with their image_size and in_channels."
            )
        (rows, columns), grid = self.config.patch_shape, self.config.grid
        return rearrange(
            images[:, : grid[0] * rows, : grid[1] * columns],
            "b (grid_r r) (grid_c c) k -> b (grid_r grid_c) (r c k)",
            r=rows,
            c=columns,
        )
