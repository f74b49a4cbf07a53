"""Sharpness-aware gradients, frozen parameters: alone, in parts, over two devices."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from tests.models import random_params
from tests.train.test_step import BATCH, CONFIG, PIXELS
from vit_jax.train.config import AugmentConfig
from vit_jax.train.gradients import climb, find_gradients
from vit_jax.train.mesh import make_mesh, place
from vit_jax.train.mesh_config import MeshConfig
from vit_jax.train.step import init_state, make_step

RHO = 0.05


def changed(**optim):
    """A recipe without dropout, which parts draw each for itself; soon compiled."""
    model = CONFIG.model.replace(dropout=0.0)
    optim = dataclasses.replace(CONFIG.optim, **optim)
    return dataclasses.replace(
        CONFIG, model=model, optim=optim, augment=AugmentConfig()
    )


def gradients(config):
    """Returns loss and gradients as a function of parameters."""
    find = jax.jit(
        lambda params, batch, key: find_gradients(config, PIXELS, params, batch, key)
    )
    return lambda params: jax.device_get(find(params, BATCH, jax.random.key(0)))


PARAMS = random_params(changed().model)


@pytest.fixture(scope="module")
def plain():
    """Gradients of the whole batch where it is, compiled once for this file."""
    return gradients(changed())


def test_uphill_is_at_distance_rho_along_the_gradient():
    params = {"w": jnp.array([1.0, 2.0]), "b": jnp.array([5.0])}
    grads = {"w": jnp.array([3.0, 0.0]), "b": jnp.array([-4.0])}
    found = climb(params, grads, 0.5)
    np.testing.assert_allclose(found["w"], [1.3, 2.0], rtol=1e-6)
    np.testing.assert_allclose(found["b"], [4.6], rtol=1e-6)


def test_sharpness_aware_gradients_are_those_uphill(plain):
    """The whole batch climbs, though it has four parts; the loss is that before."""
    loss, grads = plain(PARAMS)
    norm = np.sqrt(sum(np.sum(np.square(grad)) for grad in grads.values()))
    _, wanted = plain({n: PARAMS[n] + RHO * grads[n] / norm for n in PARAMS})
    sharp = gradients(changed(sam_rho=RHO, accumulate_steps=4))
    found_loss, found = sharp(PARAMS)
    assert found_loss["loss"] == pytest.approx(loss["loss"], rel=1e-6)
    errors, moved = relative(found, wanted), relative(grads, wanted)
    assert max(errors.values()) < 1e-5
    assert min(moved.values()) > 1e-3


def test_frozen_parameters_have_no_gradients_and_others_keep_theirs(plain):
    _, found = gradients(changed(freeze=("^embed", "^blocks")))(PARAMS)
    assert set(found) == {"norm.scale", "norm.bias", "head.kernel", "head.bias"}
    assert max(relative(found, plain(PARAMS)[1]).values()) < 1e-6


def relative(found, wanted):
    """Returns the relative L2 error of each parameter's gradients."""
    # A bias of k changes nothing: its gradient is rounding alone.
    return {
        name: np.linalg.norm(found[name] - wanted[name]) / np.linalg.norm(wanted[name])
        for name in found
        if not name.endswith("k.bias")
    }


def test_a_step_moves_what_is_not_frozen_and_skips_what_is_not_finite():
    """With everything at once, split over two devices."""
    config = changed(
        name="lion",
        sam_rho=RHO,
        accumulate_steps=2,
        freeze=("^embed",),
        layer_decay=0.75,
        warmup_steps=0,
        ema_decay=0.9,
    )
    config = dataclasses.replace(
        config,
        model=config.model.replace(mlp_dim=64),
        mesh=MeshConfig(fsdp=2),
    )
    mesh = make_mesh(config.mesh, 32)
    step, state = make_step(config, PIXELS, mesh), init_state(config, mesh)
    start = jax.device_get(state.params)
    state, metrics = step(state, place(BATCH, mesh))
    assert metrics["bad"] == 0
    after = jax.device_get(state.params)
    moved = {name for name in start if (start[name] != after[name]).any()}
    # The head is zero at first: nothing below it has a gradient yet.
    assert {"head.kernel", "head.bias"} <= moved
    assert not any(name.startswith("embed.") for name in moved)
    kernel = state.params["blocks.0.mlp.fc1.kernel"]
    assert kernel.sharding.spec == PartitionSpec(None, "fsdp")

    broken = {**state.params, "head.bias": state.params["head.bias"] * np.nan}
    state = state._replace(params=broken)
    before = jax.device_get((state.opt_state, state.ema))
    state, metrics = step(state, place(BATCH, mesh))
    assert metrics["bad"] == 1
    after = jax.device_get((state.opt_state, state.ema))
    jax.tree.map(np.testing.assert_array_equal, after, before)
