"""One training step: a function of the state and a batch, compiled once."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh

from vit_jax.model.params import Params, bind, init_params, param_shapes
from vit_jax.pixels import Pixels, normalise
from vit_jax.train.augment.augment import augment
from vit_jax.train.config import TrainConfig
from vit_jax.train.ema import update_ema
from vit_jax.train.loss import softmax_cross_entropy
from vit_jax.train.mesh import place_params, replicated, shard_state
from vit_jax.train.optim import make_optimizer, make_schedule

Metrics = dict[str, jax.Array]


class TrainState(NamedTuple):
    """All that a step changes. There is no key in it: each step folds its own."""

    step: jax.Array
    """int32, steps done."""
    params: Params
    """float32, by name."""
    opt_state: Any
    """optax's."""
    ema: Params
    """float32, the average of the parameters by name; empty where none is kept."""


Step = Callable[[TrainState, Any], tuple[TrainState, Metrics]]


def init_state(config: TrainConfig, mesh: Mesh) -> TrainState:
    """Returns the state before the first step, a function of the config alone."""
    make = functools.partial(_make_state, config)
    shardings = state_shardings(config, mesh)
    params = init_params(config.model, seed=config.run.seed)
    placed = place_params(params, shardings.params)
    return jax.jit(make, out_shardings=shardings)(placed)


def state_template(config: TrainConfig, mesh: Mesh) -> Any:
    """Returns shape, dtype and place of each array of a state, and no numbers."""
    shapes = {
        name: jax.ShapeDtypeStruct(shape, jnp.float32)
        for name, shape in param_shapes(config.model).items()
    }
    state = jax.eval_shape(functools.partial(_make_state, config), shapes)
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=sharding
        ),
        state,
        shard_state(state, config.mesh, mesh),
    )


def state_shardings(config: TrainConfig, mesh: Mesh) -> Any:
    """Returns where each array of a state lives."""
    return jax.tree.map(lambda leaf: leaf.sharding, state_template(config, mesh))


def _make_state(config: TrainConfig, params: Params) -> TrainState:
    optimizer = make_optimizer(config.optim, params)
    ema = jax.tree.map(jnp.copy, params) if config.optim.ema_decay else {}
    return TrainState(jnp.int32(0), params, optimizer.init(params), ema)


def make_step(config: TrainConfig, pixels: Pixels, mesh: Mesh) -> Step:
    """Returns the compiled step; it consumes the state that it is given.

    Its metrics are scalars on the device: loss, learning_rate, the global norm of the
    gradients before clipping, bad (1 where loss or gradients were not finite, so that
    nothing was changed), and stop (the signal that asks to stop, 0 for none).
    """
    optimizer = make_optimizer(config.optim, param_shapes(config.model))
    schedule = make_schedule(config.optim, config.run.steps)

    def step(state: TrainState, batch: Any) -> tuple[TrainState, Metrics]:
        key = step_key(config, state.step)
        loss, grads = find_gradients(config, pixels, state.params, batch, key)
        norm, rate = optax.tree.norm(grads), jnp.asarray(schedule(state.step))
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = jax.tree.map(lambda p, u: p - rate * u, state.params, updates)
        ema = update_ema(state.ema, params, config.optim.ema_decay, state.step)
        finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        old = (state.params, state.opt_state, state.ema)
        new = (params, opt_state, ema)
        params, opt_state, ema = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old), new, old
        )
        metrics = {
            "loss": loss,
            "grad_norm": norm,
            "learning_rate": rate,
            "bad": jnp.where(finite, 0, 1),
            "stop": jnp.max(batch["stop"]),
        }
        return TrainState(state.step + 1, params, opt_state, ema), metrics

    return jax.jit(
        step,
        donate_argnums=0,
        out_shardings=(state_shardings(config, mesh), replicated(mesh)),
    )


def step_key(config: TrainConfig, step: jax.Array) -> jax.Array:
    """Returns the key of all random numbers of a step.

    It is folded, never carried: step 900 draws the same numbers in a run resumed at 800
    as in one that was not.

    Args:
      step: int32, how many were done before.
    """
    return jax.random.fold_in(jax.random.key(config.run.seed), step)


def find_gradients(
    config: TrainConfig, pixels: Pixels, params: Params, batch: Any, key: jax.Array
) -> tuple[jax.Array, Params]:
    """Returns the mean loss of a batch and its gradients.

    Images are changed at random as one batch, so that accumulated gradients are those
    of the whole to rounding; only dropout is drawn part by part.
    """
    augment_key, dropout_key = jax.random.split(key)
    images, targets = augment_batch(config, pixels, batch, augment_key)

    def loss(
        params: Params, images: jax.Array, targets: jax.Array, key: jax.Array
    ) -> jax.Array:
        model = bind(config.model, params)
        logits = model(normalise(images, pixels), rngs=nnx.Rngs(dropout=key))
        return softmax_cross_entropy(
            logits, targets, label_smoothing=config.optim.label_smoothing
        )

    parts = config.optim.accumulate_steps
    if parts == 1:
        return jax.value_and_grad(loss)(params, images, targets, dropout_key)

    def add(total: Any, part: tuple[jax.Array, ...]) -> tuple[Any, None]:
        found = jax.value_and_grad(loss)(params, *part)
        return jax.tree.map(jnp.add, total, found), None

    images, targets = (split_parts(x, parts) for x in (images, targets))
    zero = (jnp.float32(0), jax.tree.map(jnp.zeros_like, params))
    keys = jax.random.split(dropout_key, parts)
    total, _ = jax.lax.scan(add, zero, (images, targets, keys))
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
