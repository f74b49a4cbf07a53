"""Where tokens stand: the table added to them, and what attention knows of places.

Axes: t tokens, p patches, d embed_dim, f pairs of channels of a head.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from vit_jax.config import ViTConfig
from vit_jax.model.rope import fixed_angles, rotation


def sincos_table(config: ViTConfig) -> Float[np.ndarray, "1 p d"]:
    """Returns sines and cosines of each patch's column, then of its row.

    Source: MAE's get_2d_sincos_pos_embed; for sincos2d_moco the last frequency is 1 /
    10000 itself, as in MoCo v3's build_2d_sincos_position_embedding.
    """
    count = config.embed_dim // 4
    last = count - 1 if config.position == "sincos2d_moco" else count
    frequencies = 10000.0 ** -(np.arange(count) / max(last, 1))
    rows, columns = np.indices(config.grid).reshape(2, -1, 1)  # (p, 1) each
    x, y = columns * frequencies, rows * frequencies  # (p, d / 4)
    table = np.concatenate([np.sin(x), np.cos(x), np.sin(y), np.cos(y)], axis=1)
    return table[None].astype(np.float32)


def num_relative_positions(config: ViTConfig) -> int:
    """Returns the rows of a relative position bias: distances, and 3 of the class."""
    rows, columns = config.grid
    return (2 * rows - 1) * (2 * columns - 1) + 3


def relative_index(config: ViTConfig) -> Int[np.ndarray, "t t"]:
    """Returns which row of the bias stands for each query and key.

    One class token comes first: its rows are the last three, as key, as query, both.

    Source: BEiT (arXiv:2106.08254), after Swin (arXiv:2103.14030).
    """
    rows, columns = config.grid
    places = np.indices(config.grid).reshape(2, -1)  # (2, p)
    distance = places[:, :, None] - places[:, None, :]  # (2, p, p)
    down, right = distance[0] + rows - 1, distance[1] + columns - 1
    index = np.pad(down * (2 * columns - 1) + right, ((1, 0), (1, 0)))
    total = num_relative_positions(config)
    index[0, :], index[:, 0], index[0, 0] = total - 3, total - 2, total - 1
    return index.astype(np.int32)


class Places(NamedTuple):
    """What attention knows of the tokens' places; computed once for all blocks."""

    rotation: Float[Array, "2 p 1 f"] | None
    """Of fixed rotary positions."""
    relative: Int[Array, "t t"] | None
    """Row of the relative position bias for each query and key."""


def find_places(config: ViTConfig) -> Places:
    """Returns the places of a config's tokens."""
    fixed = config.rope in ("axial", "centred")
    return Places(
        rotation(jnp.asarray(fixed_angles(config))) if fixed else None,
        jnp.asarray(relative_index(config)) if config.relative_position_bias else None,
    )
