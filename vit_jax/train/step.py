"""One training step: a function of the state and a batch, compiled once."""

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
from vit_jax.train.loss import softmax_cross_entropy
from vit_jax.train.mesh import replicated
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


Step = Callable[[TrainState, Any], tuple[TrainState, Metrics]]


def init_state(config: TrainConfig, mesh: Mesh) -> TrainState:
    """Returns the state before the first step, a function of the config alone."""
    names = param_shapes(config.model)
    optimizer = make_optimizer(config.optim, config.run.steps, names)

    def make(params: Params) -> TrainState:
        return TrainState(jnp.int32(0), params, optimizer.init(params))

    params = init_params(config.model, seed=config.run.seed)
    return jax.jit(make, out_shardings=replicated(mesh))(params)


def make_step(config: TrainConfig, pixels: Pixels, mesh: Mesh) -> Step:
    """Returns the compiled step; it consumes the state that it is given.

    Its metrics are scalars on the device: loss, learning_rate and the global norm of
    the gradients before clipping.
    """
    names = param_shapes(config.model)
    optimizer = make_optimizer(config.optim, config.run.steps, names)
    schedule = make_schedule(config.optim, config.run.steps)

    def loss(params: Params, batch: Any, key: jax.Array) -> jax.Array:
        augment_key, dropout_key = jax.random.split(key)
        targets = jax.nn.one_hot(batch["label"], config.model.num_classes)
        images, targets = augment(
            batch["image"], targets, config.augment, augment_key, pixels=pixels
        )
        model = bind(config.model, params)
        logits = model(normalise(images, pixels), rngs=nnx.Rngs(dropout=dropout_key))
        return softmax_cross_entropy(
            logits, targets, label_smoothing=config.optim.label_smoothing
        )

    def step(state: TrainState, batch: Any) -> tuple[TrainState, Metrics]:
        # The key is folded, never carried: step 900 draws the same numbers in a run
        # resumed at 800 as in one that was not.
        key = jax.random.fold_in(jax.random.key(config.run.seed), state.step)
        value, grads = jax.value_and_grad(loss)(state.params, batch, key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params: Any = optax.apply_updates(state.params, updates)
        metrics = {
            "loss": value,
            "grad_norm": optax.tree.norm(grads),
            "learning_rate": jnp.asarray(schedule(state.step)),
        }
        return TrainState(state.step + 1, params, opt_state), metrics

    return jax.jit(step, donate_argnums=0, out_shardings=replicated(mesh))
