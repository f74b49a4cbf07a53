"""What a step makes small: the loss of the labels, and of a teacher beside them.

Axes: b batch, n classes, h w k an image.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from vit_jax.model.vit import VisionTransformer
from vit_jax.pixels import Pixels, normalise
from vit_jax.train.config import TrainConfig
from vit_jax.train.distill_config import find_temperature
from vit_jax.train.loss import find_loss, hard_distillation, soft_distillation
from vit_jax.train.teacher import Teacher, teach

Losses = dict[str, jax.Array]
Heads = tuple[Float[Array, "b n"], Float[Array, "b n"] | None]


def find_objective(
    config: TrainConfig,
    pixels: Pixels,
    model: VisionTransformer,
    images: Float[Array, "b h w k"],
    targets: Float[Array, "b n"],
    *,
    teacher: Teacher | None,
    rngs: nnx.Rngs | None,
) -> Losses:
    """Returns loss and accuracy of a model, and with a teacher what `distill` gives.

    "top1" is of the images as they are trained on, which mixup and cutmix may have made
    of two: the larger one counts. Of two heads the mean, as at evaluation.

    Args:
      images: of 0 to 255, changed at random; the teacher sees the same.
      rngs: None does not drop. The teacher never does.
    """
    ours = normalise(images, pixels)
    if teacher is None:
        logits = model(ours, rngs=rngs)
        loss = find_loss(config.optim, logits, targets)
        return {"loss": loss, "top1": find_top1(logits, targets)}
    heads = find_heads(model, ours, rngs=rngs)
    losses = distill(config, heads, targets, teach(teacher, images))
    logits = heads[0] if heads[1] is None else heads[0] + heads[1]
    return {**losses, "top1": find_top1(logits, targets)}


def find_top1(
    logits: Float[Array, "b n"], targets: Float[Array, "b n"]
) -> Float[Array, ""]:
    """Returns the share of the images whose highest logit is their heaviest target."""
    right = logits.argmax(axis=-1) == targets.argmax(axis=-1)
    return right.mean(dtype=jnp.float32)


def find_heads(
    model: VisionTransformer,
    images: Float[Array, "b h w k"],
    *,
    rngs: nnx.Rngs | None = None,
) -> Heads:
    """Returns each head's logits of normalised images."""
    x = model.encode(model.embed(images, rngs=rngs), rngs=rngs)
    return model.heads(model.pool(x))


def distill(
    config: TrainConfig,
    heads: Heads,
    targets: Float[Array, "b n"],
    taught: Float[Array, "b n"],
) -> Losses:
    """Returns the whole loss, and the teacher's part of it before its share is taken.

    Args:
      heads: the second, where there is one, is the teacher's.
      taught: the teacher's logits.

    Source: DeiT (arXiv:2012.12877, section 4) and its losses.py.
    """
    c, (logits, distilled) = config.distill, heads
    pupil = logits if distilled is None else distilled
    if c.kind == "hard":
        learnt = hard_distillation(pupil, taught)
    else:
        temperature = find_temperature(c)
        learnt = soft_distillation(pupil, taught, temperature=temperature)
    labelled = find_loss(config.optim, logits, targets)
    loss = (1 - c.alpha) * labelled + c.alpha * learnt
    return {"loss": loss, "distill_loss": learnt}
