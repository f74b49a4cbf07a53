"""Exact evaluation over a source: every image counts once, whatever the batch size."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from vit_jax.config import ViTConfig
from vit_jax.data.batches import find_image_shape
from vit_jax.data.order import Shard
from vit_jax.data.pipeline import eval_batches
from vit_jax.data.sources import ImageSource
from vit_jax.data.transforms import AsIs, Transform
from vit_jax.errors import InputError
from vit_jax.model.params import Params, bind
from vit_jax.pixels import Pixels, normalise


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a model reaches on a source."""

    images: int
    top1: float
    """Share of the images whose highest logit is their class, 0 to 1."""
    loss: float
    """Mean cross-entropy without label smoothing, in nats."""


def check_fits(
    config: ViTConfig,
    source: ImageSource,
    transform: Transform | None = None,
    *,
    pixels: Pixels | None = None,
    sizes: str = "model",
) -> None:
    """Raises InputError if a model cannot be trained or evaluated on a source.

    Args:
      pixels: by which it normalises; None for the source's.
      sizes: whose fields set the model's sizes.
    """
    if config.pool == "none":
        raise InputError(
            "model.pool='none' gives logits for every token, but an image has one"
            " class: choose 'cls' or 'mean'."
        )
    shape = find_image_shape(source, AsIs() if transform is None else transform)
    classes = len(source.class_names)
    if shape != config.image_shape or classes != config.num_classes:
        raise InputError(
            f"the model takes images of (rows, columns, channels) {config.image_shape}"
            f" and knows {config.num_classes} classes, but {source} has images of"
            f" {shape} and {classes} classes: set {sizes}.image_size,"
            f" {sizes}.in_channels and {sizes}.num_classes to fit, or data.resize."
        )
    known = len((pixels or source.pixels).mean)
    if known != config.in_channels:
        raise InputError(
            f"the model takes images of {config.in_channels} channels, but the pixel"
            f" statistics of {source} are of {known}: set model.in_channels={known}."
        )


def evaluate(
    config: ViTConfig,
    params: Params,
    pixels: Pixels,
    source: ImageSource,
    *,
    batch_size: int,
    num_threads: int = 0,
    transform: Transform | None = None,
    place: Callable[[Any], Any] = jax.device_put,
    shard: Shard | None = None,
) -> Evaluation:
    """Returns accuracy and loss over all images of a source.

    An image that cannot be decoded is not among them.

    Args:
      num_threads: that read ahead.
      transform: None for images that have the model's size.
      place: puts a batch where it is computed on.
      shard: the part of each batch that this process makes; None for all of it.
    """
    batches = eval_batches(
        source,
        batch_size=batch_size,
        num_threads=num_threads,
        transform=transform,
        shard=shard,
    )
    with contextlib.closing(batches):
        sums = [_eval_step(config, pixels, params, place(batch)) for batch in batches]
    columns = zip(*jax.device_get(sums), strict=True)
    correct, loss, images = (sum(column) for column in columns)
    if shard is None or shard.count == 1:
        assert images + len(batches.broken) == len(source)
    return Evaluation(int(images), float(correct / images), float(loss / images))


@functools.partial(jax.jit, static_argnames=("config", "pixels"))
def _eval_step(
    config: ViTConfig, pixels: Pixels, params: Params, batch: Any
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the sums of correct images, losses and images of a batch."""
    logits = bind(config, params)(normalise(batch["image"], pixels))
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"])
    correct = logits.argmax(axis=-1) == batch["label"]
    real = batch["real"]
    return (
        jnp.sum(correct & real),
        jnp.sum(jnp.where(real, losses, 0)),
        jnp.sum(real),
    )
