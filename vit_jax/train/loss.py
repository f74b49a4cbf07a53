"""Losses, in float32.

Axes: b batch, n classes.
"""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float


def softmax_cross_entropy(
    logits: Float[Array, "b n"], targets: Float[Array, "b n"], *, label_smoothing: float
) -> Float[Array, ""]:
    """Returns the mean over the batch, in nats, against smoothed targets.

    Args:
      targets: a probability for each class.
      label_smoothing: share of the target spread evenly (arXiv:1512.00567, section 7).
    """
    smooth = optax.smooth_labels(targets, label_smoothing)
    return optax.softmax_cross_entropy(logits.astype(jnp.float32), smooth).mean()
