"""The Vision Transformer: head(pool(encode(embed(images)))).

Axes: b batch, r rows, c columns, k channels, t tokens, d embed_dim; n features of one
image (absent; t where pool='none') of width p, o outputs (classes, or features where
there is no head).
"""

from collections.abc import Iterator

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.model.embed import Embed, Images
from vit_jax.model.init import fill
from vit_jax.model.linear import Linear
from vit_jax.model.mlp import ACTIVATIONS
from vit_jax.model.norm import make_norm
from vit_jax.model.parallel_blocks import make_block
from vit_jax.model.pool import Pool
from vit_jax.model.positions import find_places
from vit_jax.model.stack import run_blocks, warn_of_batch


class VisionTransformer(nnx.Module):
    """A Vision Transformer (Dosovitskiy et al. 2021, arXiv:2010.11929).

    Args:
      config: every architectural choice.
      rngs: draws the initial values, on the host. None leaves zeros: for
        `nnx.eval_shape`, and for parameters that come from elsewhere.
    """

    def __init__(self, config: ViTConfig, *, rngs: nnx.Rngs | None = None):
        width = config.pre_logits or config.pooled_dim

        def head() -> Linear | None:
            # float32 whatever the compute dtype: logits decide the loss.
            if not config.num_classes:
                return None
            return Linear(
                width, config.num_classes, use_bias=config.head_bias, dtype="float32"
            )

        self.config = config
        self.embed = Embed(config)
        self.blocks = nnx.List([make_block(config, i) for i in range(config.depth)])
        self.norm = make_norm(config) if config.final_norm else None
        self.pool = Pool(config)
        self.pre_logits = (
            Linear(config.pooled_dim, width, dtype="float32")
            if config.pre_logits
            else None
        )
        self.head = head()
        self.head_dist = head() if config.distill_token else None
        if rngs is not None:
            fill(self, config, rngs.params())

    def __call__(
        self, images: Images, *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b *n o"]:
        """Returns float32 logits, or features where the config has no classes.

        Args:
          images: normalised, of the config's image size and channels.
          rngs: with a stream `dropout`: the model drops, as in training.

        Raises:
          InputError: images of another size or number of channels.
        """
        warn_of_batch(self.config)
        x = self.embed(images, rngs=rngs)
        return self.classify(self.pool(self.encode(x, rngs=rngs)))

    def encode(
        self, x: Float[Array, "b t d"], *, rngs: nnx.Rngs | None = None
    ) -> Float[Array, "b t d"]:
        """Returns the tokens behind all blocks and the final norm."""
        x = run_blocks(self.blocks, x, self.config, rngs)
        return self.norm(x) if self.norm else x

    def classify(self, features: Float[Array, "b *n p"]) -> Float[Array, "b *m o"]:
        """Returns the head's logits; two heads are averaged."""
        logits, distilled = self.heads(features)
        return logits if distilled is None else (logits + distilled) / 2

    def heads(
        self, features: Float[Array, "b *n p"]
    ) -> tuple[Float[Array, "b *m o"], Float[Array, "b o"] | None]:
        """Returns the head's logits, and those of the distillation token's head."""
        if self.pre_logits:
            activation = ACTIVATIONS[self.config.pre_logits_activation]
            features = activation(self.pre_logits(features))
        if self.head_dist:
            assert self.head
            return self.head(features[:, 0]), self.head_dist(features[:, 1])
        if self.config.distill_token:
            features = features.mean(axis=1)  # (b, d)
        return self.head(features) if self.head else features.astype(jnp.float32), None

    def stages(self, images: Images) -> Iterator[tuple[str, Float[Array, "..."]]]:
        """Yields what each stage gives, by name, from the patches to the logits."""
        warn_of_batch(self.config)
        x = self.embed.patches(images)
        yield "patches", x
        x = self.embed.tokens(x)
        yield "embed", x
        places = find_places(self.config)
        for i, block in enumerate(self.blocks):
            x = block(x, places)
            yield f"blocks.{i}", x
        if self.norm:
            x = self.norm(x)
            yield "norm", x
        x = self.pool(x)
        if not self.config.distill_token:  # two tokens of the norm's, one a head
            yield "pool", x
        yield "logits", self.classify(x)
