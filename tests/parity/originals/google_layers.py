"""What Google's ViTs are made of, in flax linen.

Sources: google-research/vision_transformer, vit_jax/models_vit.py;
google-research/big_vision, big_vision/models/vit.py. Their layers are linen's with its
defaults: the tanh GELU and a norm_eps of 1e-6.

Left out: dropout and initial values.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

Stages = dict[str, jax.Array]


class MlpBlock(nn.Module):
    mlp_dim: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = nn.gelu(nn.Dense(self.mlp_dim)(x))
        return nn.Dense(x.shape[-1])(y)


class Encoder1DBlock(nn.Module):
    num_heads: int
    mlp_dim: int

    @nn.compact
    def __call__(self, x: jax.Array, _: None = None) -> tuple[jax.Array, jax.Array]:
        y = nn.LayerNorm()(x)
        x = x + nn.MultiHeadDotProductAttention(self.num_heads)(y, y)
        x = x + MlpBlock(self.mlp_dim)(nn.LayerNorm()(x))
        return x, x


class Encoder(nn.Module):
    """Blocks and a norm.

    Attributes:
      scan: whether the blocks' parameters are stacked, and their name has no number.
      positions: whether learned positions are added here, after the class token is.
    """

    depth: int
    num_heads: int
    mlp_dim: int
    scan: bool = False
    positions: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, Stages]:
        if self.positions:
            x = AddPositionEmbs(name="posembed_input")(x)
        stages = {"embed": x}
        sizes = {"num_heads": self.num_heads, "mlp_dim": self.mlp_dim}
        if self.scan:
            block = nn.scan(
                Encoder1DBlock,
                variable_axes={"params": 0},
                split_rngs={"params": True},
                length=self.depth,
            )
            x, outputs = block(**sizes, name="encoderblock")(x, None)
        else:
            outputs = []
            for i in range(self.depth):
                x, _ = Encoder1DBlock(**sizes, name=f"encoderblock_{i}")(x)
                outputs.append(x)
        for i in range(self.depth):
            stages[f"blocks.{i}"] = outputs[i]
        stages["norm"] = nn.LayerNorm(name="encoder_norm")(x)
        return stages["norm"], stages


class AddPositionEmbs(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        init = nn.initializers.normal()
        return x + self.param("pos_embedding", init, (1, *x.shape[1:]))


class MAPHead(nn.Module):
    num_heads: int
    mlp_dim: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, _, width = x.shape
        probe = self.param("probe", nn.initializers.normal(), (1, 1, width))
        probe = jnp.tile(probe, (batch, 1, 1))
        x = nn.MultiHeadDotProductAttention(self.num_heads)(probe, x)
        return (x + MlpBlock(self.mlp_dim)(nn.LayerNorm()(x)))[:, 0]


def finish(x: jax.Array, rep_size: int | None, num_classes: int) -> jax.Array:
    """Returns logits of what is pooled, within the model that calls this."""
    if rep_size:
        x = nn.tanh(nn.Dense(rep_size, name="pre_logits")(x))
    return nn.Dense(num_classes, name="head")(x) if num_classes else x


def sincos_2d(rows: int, columns: int, width: int) -> jax.Array:
    """Returns positions as MoCo v3 has them: columns first."""
    y, x = jnp.mgrid[:rows, :columns]
    omega = 1.0 / 10_000.0 ** (jnp.arange(width // 4) / (width // 4 - 1))
    y, x = (jnp.einsum("m,d->md", axis.flatten(), omega) for axis in (y, x))
    waves = [jnp.sin(x), jnp.cos(x), jnp.sin(y), jnp.cos(y)]
    return jnp.concatenate(waves, axis=1)[None]
