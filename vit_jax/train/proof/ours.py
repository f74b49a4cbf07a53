"""Our side: the step that `vit-jax train` compiles, from given parameters."""

from typing import Any

import jax
import numpy as np

from vit_jax.pixels import Pixels
from vit_jax.train.config import TrainConfig
from vit_jax.train.gradients import find_gradients, select_trained
from vit_jax.train.mesh import gather, make_mesh, place
from vit_jax.train.optim import make_optimizer
from vit_jax.train.proof.training import Arrays, DigitBatches, Training
from vit_jax.train.step import TrainState, init_state, make_step, step_key


def train_ours(
    config: TrainConfig, pixels: Pixels, params: Arrays, batches: DigitBatches
) -> tuple[Training, list[float]]:
    """Returns what our training gives, and its learning rate of each step.

    Args:
      params: those to begin with, float32.
    """
    mesh = make_mesh(config.mesh, config.data.batch_size)
    stop = np.zeros(config.data.batch_size, np.int32)

    def batch(step: int) -> Any:
        return place({**batches[step], "stop": stop}, mesh)

    # Accelerators multiply float32 matrices in fewer bits unless told otherwise.
    with jax.default_matmul_precision("highest"):
        state = init_state(config, mesh, params)
        gradients, update = gather(_begin(config, pixels, state, batch(0)), mesh)
        step = make_step(config, pixels, mesh)
        metrics = []
        for i in range(config.run.steps):
            state, found = step(state, batch(i))
            metrics.append(found)
        metrics = jax.device_get(metrics)
    losses = [float(found["loss"]) for found in metrics]
    rates = [float(found["learning_rate"]) for found in metrics]
    return Training(losses, gradients, update, gather(state.params, mesh)), rates


def _begin(
    config: TrainConfig, pixels: Pixels, state: TrainState, batch: Any
) -> tuple[Any, Any]:
    """Returns the first gradients and update, which a step keeps to itself."""

    @jax.jit
    def differentiate(state: TrainState, batch: Any) -> Any:
        key = step_key(config, state.step)
        return find_gradients(config, pixels, state.params, batch, key)[1]

    @jax.jit
    def update(state: TrainState, gradients: Any) -> Any:
        optimizer = make_optimizer(config.optim, state.params)
        trained = select_trained(config, state.params)
        return optimizer.update(gradients, state.opt_state, trained)[0]

    gradients = differentiate(state, batch)
    return gradients, update(state, gradients)
