"""The exponential moving average of parameters."""

import jax
import jax.numpy as jnp

from vit_jax.model.params import Params


def update_ema(
    ema: Params, params: Params, decay: float | None, step: jax.Array
) -> Params:
    """Returns the average after a step; what was given where none is kept.

    The decay is min(decay, (1 + step) / (10 + step)), so that the first parameters,
    which are random, soon weigh nothing.

    Args:
      step: int32, how many were done before.

    Source: TensorFlow's ExponentialMovingAverage(decay, num_updates).
    """
    if decay is None:
        return ema
    done = step.astype(jnp.float32) + 1
    now = jnp.minimum(decay, (1 + done) / (10 + done))
    return jax.tree.map(lambda old, new: old + (1 - now) * (new - old), ema, params)
