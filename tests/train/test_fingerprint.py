import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from vit_jax.train.fingerprint import fingerprint, whole_hash
from vit_jax.train.mesh import make_mesh
from vit_jax.train.mesh_config import MeshConfig

STATE = {"a": jnp.arange(6.0).reshape(2, 3), "b": (jnp.int32(3), jnp.ones(3))}


def test_each_array_has_a_hash_under_its_path():
    hashes = fingerprint(STATE)
    assert set(hashes) == {"a", "b/0", "b/1"}
    assert all(len(value) == 16 for value in hashes.values())
    assert hashes == fingerprint(STATE)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.int32, jnp.uint8])
def test_one_bit_anywhere_changes_the_hash(dtype):
    values = np.asarray(jnp.arange(64).astype(dtype))
    before = fingerprint(jnp.asarray(values))[""]
    for place in range(64):
        changed = values.copy()
        changed.view(np.uint8)[place * values.itemsize] ^= 1
        assert fingerprint(jnp.asarray(changed))[""] != before


def test_minus_zero_and_another_order_are_seen():
    def find(values):
        return fingerprint(jnp.asarray(values, jnp.float32))[""]

    assert find([0.0, 1.0]) != find([-0.0, 1.0])
    assert find([0.0, 1.0]) != find([1.0, 0.0])
    assert find([[1.0, 2.0]]) == find([1.0, 2.0])


def test_the_hash_does_not_depend_on_where_an_array_lives():
    mesh = make_mesh(MeshConfig(fsdp=2))
    split = jax.NamedSharding(mesh, PartitionSpec(None, "fsdp"))
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    on_two, on_one = jax.device_put(values, split), jnp.asarray(values)
    assert fingerprint(on_two) == fingerprint(on_one)


def test_the_whole_hash_sees_names_and_values():
    a, b = whole_hash({"a": "1", "b": "2"}), whole_hash({"a": "2", "b": "1"})
    assert a != b
    assert a == whole_hash({"b": "2", "a": "1"})
