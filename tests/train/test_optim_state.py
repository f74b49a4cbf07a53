"""What each optimizer keeps: split over devices, in a checkpoint, and in neither."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.recipe import get_config
from vit_jax.checkpoint import Checkpoints
from vit_jax.train.gradients import select_trained
from vit_jax.train.mesh import make_mesh, replicated
from vit_jax.train.mesh_config import MeshConfig
from vit_jax.train.optim import make_optimizer
from vit_jax.train.optim_config import SETTINGS
from vit_jax.train.step import init_state, state_shardings, state_template

KERNEL = "blocks.0.mlp.fc1.kernel"
# What is left is soon compiled: four matrices.
FEW = ("attn", "norm", "_", "bias$")


def recipe(*, fsdp=2, **optim):
    config = get_config()
    return dataclasses.replace(
        config,
        # Large enough to be split, and to be factored by Adafactor.
        model=config.model.replace(embed_dim=128, mlp_dim=128),
        optim=dataclasses.replace(config.optim, **optim),
        mesh=MeshConfig(fsdp=fsdp),
    )


def update(config, mesh):
    """Returns updates and a state after one update with gradients of no meaning."""
    state = init_state(config, mesh)
    optimizer = make_optimizer(config.optim, state.params)

    def take(state):
        params = select_trained(config, state.params)
        grads = jax.tree.map(lambda p: 0.1 * p + 0.01, params)
        updates, opt_state = optimizer.update(grads, state.opt_state, params)
        return updates, state._replace(opt_state=opt_state)

    places = (replicated(mesh), state_shardings(config, mesh))
    return jax.jit(take, out_shardings=places)(state)


@pytest.mark.parametrize("name", SETTINGS)
def test_split_over_devices_and_saved_it_is_the_same(name, tmp_path):
    config = recipe(name=name, layer_decay=0.75, freeze=FEW)
    mesh = make_mesh(config.mesh, 32)
    updates, state = update(config, mesh)
    alone, _ = update(dataclasses.replace(config, mesh=MeshConfig()), mesh_of_one())
    for one, two in zip(alone.values(), updates.values(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)

    kept = jax.tree_util.tree_leaves_with_path(state.opt_state)
    shape = state.params[KERNEL].shape
    moments = [x for path, x in kept if is_of(path, KERNEL) and x.shape == shape]
    assert len(moments) == {"adamw": 2, "lamb": 2, "adafactor": 0}.get(name, 1)
    assert all("fsdp" in moment.sharding.spec for moment in moments)

    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, state, {})
        found = checkpoints.restore(state_template(config, mesh))
    assert found is not None
    assert jax.tree.structure(found[1]) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, found[1], state)
    assert jax.tree.all(jax.tree.map(same_place, found[1], state))


@pytest.mark.parametrize("name", SETTINGS)
def test_no_moments_are_kept_of_what_is_frozen(name):
    mesh = make_mesh(MeshConfig(fsdp=2), 32)
    template = state_template(recipe(name=name, freeze=("^blocks",)), mesh)
    assert KERNEL in template.params
    kept = jax.tree_util.tree_leaves_with_path(template.opt_state)
    assert not any(is_of(path, KERNEL) for path, _ in kept)
    assert any(is_of(path, "head.bias") for path, _ in kept)


def test_momentum_of_zero_keeps_nothing():
    mesh = make_mesh(MeshConfig(fsdp=2), 32)
    template = state_template(recipe(name="sgd", momentum=0.0), mesh)
    assert jax.tree.leaves(template.opt_state) == []


def mesh_of_one():
    kinds = (jax.sharding.AxisType.Auto,) * 2
    devices = jax.devices()[:1]
    return jax.make_mesh((1, 1), ("data", "fsdp"), axis_types=kinds, devices=devices)


def is_of(path, name):
    return getattr(path[-1], "key", "") == name


def same_place(one: jnp.ndarray, two: jnp.ndarray) -> bool:
    return one.sharding == two.sharding
