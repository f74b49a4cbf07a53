import dataclasses

import jax
import numpy as np
import pytest
from jax.sharding import AxisType

from tests.models import random_params
from tests.train.recipe import get_config
from vit_jax.data.pipeline import eval_batches
from vit_jax.data.sources import Digits
from vit_jax.errors import InputError
from vit_jax.train.augment.config import AugmentConfig
from vit_jax.train.gradients import find_gradients
from vit_jax.train.mesh import make_mesh, place
from vit_jax.train.mesh_config import MeshConfig
from vit_jax.train.open_data import on_device
from vit_jax.train.step import init_state, make_step

CONFIG = get_config()
PIXELS = Digits("train").pixels
BATCH = {
    **on_device(next(eval_batches(Digits("train"), batch_size=32))),
    "stop": np.zeros(32, np.int32),
}


@pytest.fixture(scope="module")
def mesh():
    """Both devices."""
    assert jax.device_count() == 2
    return make_mesh(MeshConfig(), 32)


@pytest.fixture(scope="module")
def step(mesh):
    """The step over both devices, compiled once for this file."""
    return make_step(CONFIG, PIXELS, mesh)


def two_steps(step, mesh):
    state, metrics = init_state(CONFIG, mesh), []
    for _ in range(2):
        state, found = step(state, place(BATCH, mesh))
        metrics.append(jax.device_get(found))
    return jax.device_get(state), metrics


def test_a_step_counts_and_tells(step, mesh):
    state, metrics = two_steps(step, mesh)
    assert state.step == 2
    assert set(metrics[0]) == {
        "loss",
        "top1",
        "grad_norm",
        "update_norm",
        "param_norm",
        "learning_rate",
        "bad",
        "stop",
    }
    assert metrics[0]["bad"] == metrics[0]["stop"] == 0
    assert metrics[0]["loss"] == pytest.approx(np.log(10), abs=1e-3)  # the head is zero
    assert metrics[0]["learning_rate"] == 0
    assert metrics[1]["learning_rate"] == pytest.approx(5e-3)


def test_two_devices_compute_what_one_does(step, mesh):
    alone = jax.make_mesh(
        (1, 1),
        ("data", "fsdp"),
        axis_types=(AxisType.Auto,) * 2,
        devices=jax.devices()[:1],
    )
    one, first = two_steps(make_step(CONFIG, PIXELS, alone), alone)
    two, second = two_steps(step, mesh)
    assert first[1]["loss"] == pytest.approx(second[1]["loss"], rel=1e-6)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_two_starts_give_the_same_bits(step, mesh):
    (one, _), (two, _) = (two_steps(step, mesh) for _ in range(2))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_batch_that_does_not_divide_over_the_devices_is_refused():
    with pytest.raises(InputError, match="batch of 33 does not divide over 2 devices"):
        make_mesh(MeshConfig(), 32, 33)


def test_the_state_that_goes_in_is_consumed(step, mesh):
    state = init_state(CONFIG, mesh)
    step(state, place(BATCH, mesh))
    assert state.params["head.kernel"].is_deleted()


def test_seeds_start_differently(mesh):
    other = dataclasses.replace(CONFIG, run=dataclasses.replace(CONFIG.run, seed=1))
    one, two = (jax.device_get(init_state(c, mesh).params) for c in (CONFIG, other))
    assert not np.allclose(one["embed.pos_embed"], two["embed.pos_embed"])


def test_accumulated_gradients_are_those_of_the_whole_batch():
    """Four parts of 32 against 128; the relative L2 of each parameter."""
    model = CONFIG.model.replace(dropout=0.0)
    data = dataclasses.replace(CONFIG.data, batch_size=128)
    whole = dataclasses.replace(
        CONFIG, model=model, data=data, augment=AugmentConfig(mixup=0.2)
    )
    parts = dataclasses.replace(
        whole, optim=dataclasses.replace(whole.optim, accumulate_steps=4)
    )
    batch = on_device(next(eval_batches(Digits("train"), batch_size=128)))
    params = random_params(model)

    def gradients(config):
        run = jax.jit(
            lambda params, batch, key: find_gradients(
                config, PIXELS, params, batch, key
            )
        )
        return jax.device_get(run(params, batch, jax.random.key(1)))

    (values, ours), (others, theirs) = gradients(parts), gradients(whole)
    for name in ("loss", "top1"):
        assert values[name] == pytest.approx(others[name], rel=1e-6)
    # A bias of k changes nothing: its gradient is rounding alone.
    del theirs["blocks.0.attn.k.bias"]
    for name, expected in theirs.items():
        error = np.linalg.norm(ours[name] - expected) / np.linalg.norm(expected)
        assert error < 1e-6, name
