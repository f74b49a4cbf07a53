"""The gradients of a batch: its random changes, its parts, and where they are taken."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from vit_jax.model.params import Params, bind
from vit_jax.pixels import Pixels
from vit_jax.train.augment.augment import augment
from vit_jax.train.config import TrainConfig
from vit_jax.train.objective import Losses, find_objective
from vit_jax.train.param_rows import find_trained
from vit_jax.train.teacher import Teacher

Found = tuple[Losses, Params]


def find_gradients(
    config: TrainConfig,
    pixels: Pixels,
    params: Params,
    batch: Any,
    key: jax.Array,
    teacher: Teacher | None = None,
) -> Found:
    """Returns the mean losses of a batch, and the gradients of what is not frozen.

    "loss" is what they are of; with a teacher, "distill_loss" is its part; "top1" is
    the accuracy.

    Images are changed at random as one batch, so that accumulated gradients are those
    of the whole to rounding; only dropout is drawn part by part.
    """
    augment_key, dropout_key = jax.random.split(key)
    images, targets = augment_batch(config, pixels, batch, augment_key)
    trained = select_trained(config, params)
    frozen = {name: params[name] for name in params if name not in trained}

    def loss(
        trained: Params, images: jax.Array, targets: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, Losses]:
        model = bind(config.model, {**frozen, **trained})
        rngs = nnx.Rngs(dropout=key)
        losses = find_objective(
            config, pixels, model, images, targets, teacher=teacher, rngs=rngs
        )
        return losses["loss"], losses

    def find(trained: Params) -> Found:
        parts = config.optim.accumulate_steps
        return _accumulate(loss, parts, trained, images, targets, dropout_key)

    if config.optim.sam_rho is None:
        return find(trained)
    losses, grads = find(trained)
    _, grads = find(climb(trained, grads, config.optim.sam_rho))
    return losses, grads


def select_trained(config: TrainConfig, params: Params) -> dict[str, Any]:
    """Returns the parameters that are not frozen."""
    return {name: params[name] for name in find_trained(config.optim.freeze, params)}


def climb(params: Params, grads: Params, rho: float) -> Params:
    """Returns the parameters at distance rho where the loss is largest, to first order.

    The gradients are the whole batch's, however many devices or parts it has, and the
    second ones see the same images and dropout.

    Source: Foret et al. 2021, equation 2 and algorithm 1 (arXiv:2010.01412).
    """
    scale = rho / (optax.tree.norm(grads) + 1e-12)
    return jax.tree.map(lambda param, grad: param + scale * grad, params, grads)


def _accumulate(
    loss: Callable[..., tuple[jax.Array, Losses]],
    parts: int,
    params: Params,
    images: jax.Array,
    targets: jax.Array,
    key: jax.Array,
) -> Found:
    """Returns the mean losses and gradients of parts that go one after another."""

    def find(*part: jax.Array) -> Found:
        (_, losses), grads = jax.value_and_grad(loss, has_aux=True)(params, *part)
        return losses, grads

    if parts == 1:
        return find(images, targets, key)

    def add(total: Any, part: tuple[jax.Array, ...]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, find(*part)), None

    keys = jax.random.split(key, parts)
    each = (split_parts(images, parts), split_parts(targets, parts), keys)
    shapes = jax.eval_shape(find, *(x[0] for x in each))
    zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    total, _ = jax.lax.scan(add, zero, each)
    return jax.tree.map(lambda x: x / parts, total)


def augment_batch(
    config: TrainConfig, pixels: Pixels, batch: Any, key: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Returns a batch's images changed at random, and their targets.

    Args:
      key: the first half of the step's.
    """
    targets = jax.nn.one_hot(batch["label"], config.model.num_classes)
    return augment(batch["image"], targets, config.augment, key, pixels=pixels)


def split_parts(x: jax.Array, parts: int) -> jax.Array:
    """Returns rows part by part, along a new first axis.

    Part i has rows i, i + parts, ...: each device keeps its own.
    """
    return x.reshape(-1, parts, *x.shape[1:]).swapaxes(0, 1)
