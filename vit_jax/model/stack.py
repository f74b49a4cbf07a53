"""The blocks one after another.

Axes: b batch, t tokens, d embed_dim.
"""

import warnings
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.config import ViTConfig
from vit_jax.errors import InputWarning
from vit_jax.model.parallel_blocks import AnyBlock
from vit_jax.model.positions import find_places

# What of a block is kept for the backward pass; None keeps nothing.
REMAT_POLICIES = {
    "full": None,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


def run_blocks(
    blocks: Sequence[AnyBlock],
    x: Float[Array, "b t d"],
    config: ViTConfig,
    rngs: nnx.Rngs | None,
) -> Float[Array, "b t d"]:
    """Returns the tokens behind all blocks, computed as the config says."""
    places = find_places(config)
    # One key a block, so that a looped and a recomputed block drop the same.
    keys = None if rngs is None else jax.random.split(rngs.dropout(), config.depth)
    rates = None
    if config.drop_path:
        rates = jnp.linspace(0, config.drop_path, config.depth)
        if config.drop_path_mode == "constant":
            rates = jnp.full(config.depth, config.drop_path)

    def run(x: Array, inputs: tuple[AnyBlock, Array | None, Array | None]):
        block, rate, key = inputs
        rngs = None if key is None else nnx.Rngs(dropout=key)
        rate = 0.0 if rate is None else rate
        return block(x, places, drop_path_rate=rate, rngs=rngs), None

    if config.remat != "none":
        run = jax.checkpoint(run, policy=REMAT_POLICIES[config.remat])
    if config.scan_layers:
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *blocks)
        return jax.lax.scan(run, x, (stacked, rates, keys))[0]
    for i, block in enumerate(blocks):
        rate = None if rates is None else rates[i]
        x, _ = run(x, (block, rate, None if keys is None else keys[i]))
    return x


def warn_of_batch(config: ViTConfig) -> None:
    """Says so where the images of a batch attend to each other."""
    if config.attend_over == "batch":
        warnings.warn(
            "attend_over='batch': the images of a batch attend to each other, as in a"
            " torch model that forgot batch_first. What an image gives depends on the"
            " batch it comes in.",
            InputWarning,
            stacklevel=3,
        )
