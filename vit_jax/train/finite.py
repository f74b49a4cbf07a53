"""Where in a step numbers stop being finite: which stage, which image, which gradient.

Axes: b batch, n classes.
"""

import collections
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from vit_jax.model.params import bind
from vit_jax.pixels import Pixels, normalise
from vit_jax.train.config import TrainConfig
from vit_jax.train.gradients import augment_batch, find_gradients, split_parts
from vit_jax.train.loss import find_loss
from vit_jax.train.objective import Heads, distill, find_heads
from vit_jax.train.step import TrainState, step_key
from vit_jax.train.teacher import Teacher, teach

Stages = collections.OrderedDict[str, Any]


class Forward(NamedTuple):
    """The forward pass of a batch, image by image, without dropout."""

    finite: Stages
    """Bool[b] by stage, in the order of the pass: images, patches, ..., logits, loss.
    Ordered, since jax sorts a plain dict: blocks.10 before blocks.2."""
    losses: Any
    """Float[b], against the mixed and smoothed targets."""
    darkest: Any
    """Integer[b], least pixel before augmentation."""
    brightest: Any


def find_finite_gradients(
    config: TrainConfig,
    pixels: Pixels,
    state: TrainState,
    batch: Any,
    teacher: Teacher | None = None,
) -> dict[str, Bool[Array, ""]]:
    """Returns whether a parameter's gradients are all finite, by its name.

    Those frozen have none.
    """

    @jax.jit
    def find(state: TrainState, batch: Any, teacher: Teacher | None) -> Any:
        key = step_key(config, state.step)
        _, grads = find_gradients(config, pixels, state.params, batch, key, teacher)
        return jax.tree.map(lambda grad: jnp.isfinite(grad).all(), grads)

    return find(state, batch, teacher)


def find_finite_stages(
    config: TrainConfig,
    pixels: Pixels,
    state: TrainState,
    batch: Any,
    teacher: Teacher | None = None,
) -> Forward:
    """Returns at which stages the images of a batch are finite, and their losses.

    The parts of a batch go one after another, as their gradients do.
    """
    parts = config.optim.accumulate_steps

    @jax.jit
    def find(state: TrainState, batch: Any, teacher: Teacher | None) -> Forward:
        key, _ = jax.random.split(step_key(config, state.step))  # as the step does
        changed = augment_batch(config, pixels, batch, key)
        model = bind(config.model, state.params)

        def look(part: tuple[jax.Array, jax.Array]) -> tuple[Stages, jax.Array]:
            images, targets = normalise(part[0], pixels), part[1]
            stages = {"images": images, **dict(model.stages(images))}
            heads, taught = (stages["logits"], None), None
            if teacher is not None:
                heads, taught = find_heads(model, images), teach(teacher, part[0])
            losses = find_losses(config, heads, targets, taught)
            stages["loss"] = losses
            finite = {name: are_finite(x) for name, x in stages.items()}
            return collections.OrderedDict(finite), losses

        found = jax.lax.map(look, tuple(split_parts(x, parts) for x in changed))
        # Rows in the order of the batch again.
        finite, losses = jax.tree.map(lambda x: x.swapaxes(0, 1).reshape(-1), found)
        axes = tuple(range(1, batch["image"].ndim))
        darkest, brightest = batch["image"].min(axes), batch["image"].max(axes)
        return Forward(finite, losses, darkest, brightest)

    return find(state, batch, teacher)


def find_losses(
    config: TrainConfig,
    heads: Heads,
    targets: Float[Array, "b n"],
    taught: Float[Array, "b n"] | None,
) -> Float[Array, " b"]:
    """Returns the loss of each image: `objective`'s of a batch of one.

    Args:
      taught: the teacher's logits; None without one, then the first head counts.
    """

    def find(*rows: Any) -> jax.Array:
        heads, targets, taught = jax.tree.map(lambda x: x[None], rows)
        if taught is None:
            return find_loss(config.optim, heads[0], targets)
        return distill(config, heads, targets, taught)["loss"]

    return jax.vmap(find)(heads, targets, taught)


def are_finite(x: Float[Array, "b ..."]) -> Bool[Array, " b"]:
    """Returns whether all numbers of an image are finite."""
    return jnp.isfinite(x).all(axis=tuple(range(1, x.ndim)))
