import jax.numpy as jnp
import numpy as np
import pytest

from vit_jax.train.ema import update_ema


def test_without_a_decay_nothing_is_kept():
    assert update_ema({}, {"w": jnp.ones(2)}, None, jnp.int32(0)) == {}


def test_the_decay_warms_up_to_the_one_that_is_asked_for():
    """Against the recursion in numpy, in float64."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 3))
    ema, expected = {"w": jnp.asarray(values[0], jnp.float32)}, values[0]
    for step, value in enumerate(values[1:]):
        ema = update_ema(
            ema, {"w": jnp.asarray(value, jnp.float32)}, 0.7, jnp.int32(step)
        )
        decay = min(0.7, (1 + step + 1) / (10 + step + 1))
        expected = decay * expected + (1 - decay) * value
    assert decay == 0.7
    np.testing.assert_allclose(ema["w"], expected, rtol=1e-5)


@pytest.mark.parametrize("step", [0, 10_000_000])
def test_an_average_of_equal_parameters_stays(step):
    same = {"w": jnp.full(3, 0.1)}
    kept = update_ema(same, same, 0.9999, jnp.int32(step))
    np.testing.assert_array_equal(kept["w"], same["w"])
