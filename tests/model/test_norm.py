"""The derivative of a norm is that of its formula, forwards and backwards."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vit_jax.model.norm import standardise

D = 16


def plain(x, epsilon, center):
    x = x - x.mean(-1, keepdims=True) if center else x
    return x * (jnp.square(x).mean(-1, keepdims=True) + epsilon) ** -0.5


@pytest.fixture(params=[(1.0, 0.0), (1e-3, 0.0), (1.0, 30.0)], ids=str)
def x(request):
    deviation, mean = request.param
    return deviation * np.random.default_rng(0).normal(size=(3, 5, D)) + mean


@pytest.mark.parametrize("center", [True, False], ids=["layer", "rms"])
@pytest.mark.parametrize("epsilon", [1e-6, 0.1])
def test_a_norm_and_its_gradient_are_the_formulas(x, center, epsilon):
    weights = np.random.default_rng(1).normal(size=x.shape)

    def run(norm, dtype):
        def loss(x):
            y = norm(x, epsilon, center)
            return (y * weights.astype(dtype)).sum(), y

        (_, y), gradient = jax.value_and_grad(loss, has_aux=True)(jnp.asarray(x, dtype))
        return np.asarray(y, np.float64), np.asarray(gradient, np.float64)

    with jax.enable_x64(True):
        expected = run(plain, jnp.float64)
        for ours, formula in zip(run(standardise, jnp.float64), expected, strict=True):
            np.testing.assert_allclose(
                ours, formula, rtol=1e-10, atol=1e-10 * np.abs(formula).max()
            )
    # In float32, where x has a mean of 30, that costs 30 times the rounding.
    for ours, formula in zip(run(standardise, jnp.float32), expected, strict=True):
        assert np.abs(ours - formula).max() <= 2e-5 * np.abs(formula).max()


@pytest.mark.parametrize("center", [True, False], ids=["layer", "rms"])
def test_a_norm_has_tangents_and_second_derivatives(x, center):
    x, v = (jnp.asarray(a, jnp.float32) for a in (x, x[::-1] ** 2 - x.mean()))

    def loss(norm):
        return lambda x: jnp.sin(norm(x, 1e-6, center)).sum()

    def run(norm):
        _, tangent = jax.jvp(loss(norm), (x,), (v,))
        _, product = jax.jvp(jax.grad(loss(norm)), (x,), (v,))
        return tangent, product

    for ours, formula in zip(run(standardise), run(plain), strict=True):
        np.testing.assert_allclose(ours, formula, atol=1e-3 * np.abs(formula).max())
