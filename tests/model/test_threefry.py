"""Random bits are JAX's, wherever they are drawn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vit_jax.model.dropout import dropout
from vit_jax.model.threefry import bernoulli, random_bits


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 1, 5), (2, 129, 64)])
@pytest.mark.parametrize("seed", [0, 12345])
def test_bits_are_those_of_jax(shape: tuple[int, ...], seed: int):
    key = jax.random.fold_in(jax.random.key(seed), 5)
    expected = jax.random.bits(key, shape)
    np.testing.assert_array_equal(
        jax.jit(random_bits, static_argnums=1)(key, shape), expected
    )


@pytest.mark.parametrize("p", [0.0, 0.001, 0.5, 0.9, 1.0])
def test_bernoulli_is_that_of_jax(p: float):
    key = jax.random.key(3)
    expected = jax.random.bernoulli(key, p, (50, 80))
    np.testing.assert_array_equal(bernoulli(key, p, (50, 80)), expected)


def test_a_key_of_another_kind_draws_its_own_bits():
    key = jax.random.key(3, impl="rbg")
    np.testing.assert_array_equal(random_bits(key, (8,)), jax.random.bits(key, (8,)))


def test_a_split_array_draws_the_same_bits():
    mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    draw = jax.jit(lambda key: random_bits(key, (6, 5)), out_shardings=split)
    expected = jax.random.bits(jax.random.key(1), (6, 5))
    np.testing.assert_array_equal(draw(jax.random.key(1)), expected)


def test_dropout_keeps_the_mean():
    x = jnp.ones((400, 500))
    dropped = dropout(x, 0.25, nnx.Rngs(dropout=0))
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(float(dropped.mean()) - 1) < 0.004
