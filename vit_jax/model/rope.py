"""Rotary positions in two dimensions: pairs of channels turn with a patch's place.

Axes: b batch, t tokens, p patches, h heads, e head_dim, f = e / 2 pairs of channels.
"""

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig

Rotation = Float[Array, "2 p #h f"]
"""Sine and cosine of the angle of each patch and pair of channels."""


def coordinates(config: ViTConfig) -> Float[np.ndarray, "p 2"]:
    """Returns each patch's place on both axes, in the order of `rope_axes`."""

    def places(axis: int) -> np.ndarray:
        count = config.grid[axis]
        index = np.arange(count, dtype=np.float32)
        if config.rope == "centred":
            return (index + np.float32(0.5)) / count * 2 - 1
        index += np.float32(config.rope_offset)
        grid = config.rope_grid
        return index / count * grid[axis] if grid else index

    y, x = np.meshgrid(places(0), places(1), indexing="ij")
    axes = (y, x) if config.rope_axes == "yx" else (x, y)
    return np.stack(axes, axis=-1).reshape(-1, 2).astype(np.float32)


def fixed_angles(config: ViTConfig) -> Float[np.ndarray, "p 1 f"]:
    """Returns the angles of axial and centred rotary positions, in radians.

    In float32 throughout, as the models were trained. Each axis turns half of the
    pairs, with wavelengths from 1 to rope_temperature.

    Source: EVA-02 (arXiv:2303.11331), DINOv3 (arXiv:2508.10104).
    """
    count = config.dim_per_head // 4
    periods = np.float32(config.rope_temperature) ** (
        np.arange(count, dtype=np.float32) / np.float32(count)
    )
    if config.rope_dtype == "bfloat16":
        periods = periods.astype(ml_dtypes.bfloat16).astype(np.float32)
    turn = np.float32(2 * np.pi if config.rope == "centred" else 1)
    angles = turn * coordinates(config)[:, :, None] / periods  # (p, 2, e / 4)
    return angles.reshape(len(angles), 1, -1)


def rotation(angles: Float[Array, "p #h f"]) -> Rotation:
    """Returns sine and cosine, in float32."""
    return jnp.stack([jnp.sin(angles), jnp.cos(angles)])


class MixedRope(nnx.Module):
    """Frequencies learned by each head for both axes together (arXiv:2403.13298)."""

    def __init__(self, config: ViTConfig):
        shape = (2, config.num_heads, config.dim_per_head // 2)
        self.freqs = nnx.Param(jnp.zeros(shape, jnp.float32))
        self.config = config

    def __call__(self) -> Rotation:
        one, two = coordinates(self.config).T[:, :, None, None]  # (p, 1, 1) each
        freqs = jnp.asarray(self.freqs[...])[:, None]  # (2, 1, h, f)
        return rotation(one * freqs[0] + two * freqs[1])


def rotate(
    x: Float[Array, "b t h e"], turn: Rotation, config: ViTConfig
) -> Float[Array, "b t h e"]:
    """Returns q or k with the patches' pairs of channels rotated."""
    first, last = config.num_prefix, config.num_prefix + config.num_patches
    patches = x[:, first:last].astype(jnp.float32)  # (b, p, h, e)
    # Interleaved pairs are the columns of (f, 2), halves the rows of (2, f).
    halves = config.rope_pairs == "halves"
    axis, pairs = (-2, (2, -1)) if halves else (-1, (-1, 2))
    split = patches.reshape(*patches.shape[:-1], *pairs)
    a, b = jnp.moveaxis(split, axis, 0)  # (b, p, h, f)
    sin, cos = turn[:, None]  # (1, p, h, f)
    turned = jnp.stack([a * cos - b * sin, a * sin + b * cos], axis=axis)
    turned = turned.reshape(patches.shape).astype(x.dtype)
    return jnp.concatenate([x[:, :first], turned, x[:, last:]], axis=1)
