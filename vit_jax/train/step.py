"""One training step: a function of the state and a batch, compiled once."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from vit_jax.model.params import Params, init_params, param_shapes
from vit_jax.pixels import Pixels
from vit_jax.train.config import TrainConfig
from vit_jax.train.ema import update_ema
from vit_jax.train.gradients import find_gradients, select_trained
from vit_jax.train.mesh import place_params, replicated, shard_state
from vit_jax.train.optim import make_optimizer
from vit_jax.train.schedule import make_schedule
from vit_jax.train.teacher import Teacher

Metrics = dict[str, jax.Array]


class TrainState(NamedTuple):
    """All that a step changes. There is no key in it: each step folds its own."""

    step: jax.Array
    """int32, steps done."""
    params: Params
    """float32, by name."""
    opt_state: Any
    """optax's, of the parameters that are not frozen."""
    ema: Params
    """float32, the average of the parameters by name; empty where none is kept."""


Step = Callable[..., tuple[TrainState, Metrics]]
"""Of a state and a batch; of a teacher besides, where the recipe has one."""


def init_state(
    config: TrainConfig, mesh: Mesh, params: Params | None = None
) -> TrainState:
    """Returns the state before the first step.

    Args:
      params: float32 on the host, in every process; None draws them.
    """
    make = functools.partial(_make_state, config)
    shardings = state_shardings(config, mesh)
    if params is None:
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
    opt_state = optimizer.init(select_trained(config, params))
    return TrainState(jnp.int32(0), params, opt_state, ema)


def make_step(config: TrainConfig, pixels: Pixels, mesh: Mesh) -> Step:
    """Returns the compiled step; it consumes the state that it is given.

    Its metrics are scalars on the device: loss, with a teacher distill_loss; top1, the
    accuracy on the images as they are trained on; learning_rate; the global norms of
    the gradients before clipping, of the update and of the parameters behind it; bad (1
    where loss or gradients were not finite, so that nothing was changed); and stop (the
    signal that asks to stop, 0 for none).
    """
    optimizer = make_optimizer(config.optim, param_shapes(config.model))
    schedule = make_schedule(config.optim, config.run.steps)

    def step(
        state: TrainState, batch: Any, teacher: Teacher | None = None
    ) -> tuple[TrainState, Metrics]:
        key = step_key(config, state.step)
        losses, grads = find_gradients(
            config, pixels, state.params, batch, key, teacher
        )
        norm, rate = optax.tree.norm(grads), jnp.asarray(schedule(state.step))
        trained = select_trained(config, state.params)
        updates, opt_state = optimizer.update(grads, state.opt_state, trained)
        trained = jax.tree.map(lambda p, u: p - rate * u, trained, updates)
        params = {**state.params, **trained}
        ema = update_ema(state.ema, params, config.optim.ema_decay, state.step)
        finite = jnp.isfinite(losses["loss"]) & jnp.isfinite(norm)
        old = (state.params, state.opt_state, state.ema)
        new = (params, opt_state, ema)
        params, opt_state, ema = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old), new, old
        )
        metrics = {
            **losses,
            "grad_norm": norm,
            "update_norm": rate * optax.tree.norm(updates),
            "param_norm": optax.tree.norm(params),
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
