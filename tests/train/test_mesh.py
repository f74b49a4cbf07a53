"""Where each array lives; and the same losses wherever that is."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from vit_jax.errors import InputError
from vit_jax.train.mesh import gather, make_mesh, place, place_params, shard_state
from vit_jax.train.mesh_config import MeshConfig
from vit_jax.train.step import TrainState

SHAPES = {"big.kernel": (64, 32), "odd.kernel": (63, 33), "small.bias": (64,)}
ROOT = Path(__file__).parent.parent.parent


def split(config, *, moments=()):
    params = {name: jax.ShapeDtypeStruct(s, jnp.float32) for name, s in SHAPES.items()}
    scalar = jax.ShapeDtypeStruct((), jnp.int32)
    state = TrainState(scalar, params, (scalar, params, moments), params)
    found = shard_state(state, config, make_mesh(config))
    return jax.tree.map(lambda sharding: sharding.spec, found)


def test_the_longest_axis_that_divides_is_split_and_moments_follow():
    specs = split(MeshConfig(fsdp=2))
    expected = {
        "big.kernel": PartitionSpec("fsdp", None),
        "odd.kernel": PartitionSpec(None, None),
        "small.bias": PartitionSpec(None),
    }
    assert specs.params == specs.ema == specs.opt_state[1] == expected
    assert specs.step == PartitionSpec()


def test_by_default_everything_is_whole_everywhere():
    specs = split(MeshConfig())
    assert not any("fsdp" in spec for spec in specs.params.values())


def test_a_moment_of_another_shape_than_its_parameter_stays_whole():
    rows = {"big.kernel": jax.ShapeDtypeStruct((64,), jnp.float32)}
    specs = split(MeshConfig(fsdp=2), moments=rows)
    assert specs.opt_state[2]["big.kernel"] == PartitionSpec()


def test_rows_of_a_recipe_come_first():
    rows = (("big", 1), ("small", 0), ("odd", -1))
    specs = split(MeshConfig(fsdp=2, shard_rows=rows)).params
    assert specs["big.kernel"] == PartitionSpec(None, "fsdp")
    assert specs["small.bias"] == PartitionSpec("fsdp")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (MeshConfig(fsdp=3), "mesh.fsdp=3 does not divide 2 devices"),
        (MeshConfig(fsdp=2, shard_rows=(("none", 0),)), "none matches no parameter"),
        (MeshConfig(fsdp=2, shard_rows=(("odd", 0),)), "splits axis 0 of odd.kernel"),
        (MeshConfig(fsdp=2, shard_rows=(("small", 1),)), "splits axis 1 of small.bias"),
    ],
)
def test_what_cannot_be_split_so_is_refused(config, message):
    with pytest.raises(InputError, match=message):
        split(config)


def test_what_is_placed_comes_back_whole():
    config = MeshConfig(fsdp=2)
    mesh = make_mesh(config, 4)
    values = {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}
    sharding = {"w": jax.NamedSharding(mesh, PartitionSpec("fsdp", None))}
    placed = place_params(values, sharding)
    assert placed["w"].sharding == sharding["w"]
    np.testing.assert_array_equal(gather(placed, mesh)["w"], values["w"])
    batch = place({"label": np.arange(4)}, mesh)
    assert batch["label"].sharding.spec == PartitionSpec(("data", "fsdp"))


@pytest.mark.slow
def test_eight_devices_in_any_mesh_give_the_losses_of_one():
    """Over 20 steps; relative to the loss. Rounding of sums alone gives 3e-7."""
    code = [sys.executable, "-m", "tests.train.mesh_losses"]
    done = subprocess.run(code, cwd=ROOT, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    alone = np.array(found.pop("one device"))
    assert set(found) == {"(8, 1)", "(2, 4)", "(1, 8)", "in 4 parts"}
    for mesh, losses in found.items():
        np.testing.assert_allclose(losses, alone, rtol=1e-6, err_msg=mesh)
