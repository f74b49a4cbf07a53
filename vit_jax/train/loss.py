"""Losses, in float32.

Axes: b batch, n classes.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from vit_jax.train.optim_config import OptimConfig


def find_loss(
    config: OptimConfig, logits: Float[Array, "b n"], targets: Float[Array, "b n"]
) -> Float[Array, ""]:
    """Returns the loss that a recipe asks for, against its smoothed targets."""
    smoothing = config.label_smoothing
    if config.loss == "softmax":
        return softmax_cross_entropy(logits, targets, label_smoothing=smoothing)
    return sigmoid_cross_entropy(
        logits,
        targets,
        label_smoothing=smoothing,
        target_threshold=config.target_threshold,
        sum_classes=bool(config.sum_classes),
    )


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


def sigmoid_cross_entropy(
    logits: Float[Array, "b n"],
    targets: Float[Array, "b n"],
    *,
    label_smoothing: float,
    target_threshold: float | None,
    sum_classes: bool,
) -> Float[Array, ""]:
    """Returns the mean over the batch of binary cross-entropies, in nats.

    Args:
      targets: a probability for each class.
      label_smoothing: share of the target spread evenly, as for softmax: so do timm's
        BinaryCrossEntropy and Mixup.
      target_threshold: targets above it become 1, others 0; None leaves them.
      sum_classes: adds the classes up, else it is their mean.

    Source: timm's BinaryCrossEntropy; DeiT III's engine.py has a threshold of 0.
    """
    targets = optax.smooth_labels(targets, label_smoothing)
    if target_threshold is not None:
        targets = (targets > target_threshold).astype(jnp.float32)
    losses = optax.sigmoid_binary_cross_entropy(logits.astype(jnp.float32), targets)
    return losses.sum(axis=-1).mean() if sum_classes else losses.mean()


def hard_distillation(
    logits: Float[Array, "b n"], taught: Float[Array, "b n"]
) -> Float[Array, ""]:
    """Returns the mean cross-entropy with the teacher's class, in nats.

    Args:
      taught: the teacher's logits, of which the largest counts, the first if several.

    Source: DeiT (arXiv:2012.12877, equation 3) and its losses.py.
    """
    losses = optax.softmax_cross_entropy_with_integer_labels(
        logits.astype(jnp.float32), taught.argmax(axis=-1)
    )
    return losses.mean()


def soft_distillation(
    logits: Float[Array, "b n"], taught: Float[Array, "b n"], *, temperature: float
) -> Float[Array, ""]:
    """Returns the divergence from the teacher, a mean over images and classes.

    Kullback-Leibler's of the teacher's softened probabilities from the student's, times
    temperature ** 2. DeiT's code divides by the number of classes, its paper does not.

    Args:
      taught: the teacher's logits.

    Source: DeiT (arXiv:2012.12877, equation 2) and its losses.py.
    """
    ours, theirs = (
        jax.nn.log_softmax(x.astype(jnp.float32) / temperature)
        for x in (logits, taught)
    )
    return (jnp.exp(theirs) * (theirs - ours)).mean() * temperature**2
