"""Attention by each implementation is the same attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vit_jax.config import ViTConfig
from vit_jax.model.attend import attend

B, T, H, E = 2, 7, 4, 8


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("biased", [False, True])
def test_heads_before_tokens_equal_jaxs_attention(dtype, groups, biased):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return jnp.asarray(rng.normal(size=shape), dtype)

    q, g = draw(B, T, H, E), draw(B, T, H, E)
    k, v = draw(B, T, H // groups, E), draw(B, T, H // groups, E)
    bias = draw(1, H, T, T).astype(jnp.float32) if biased else None

    def loss(q, k, v, *, attention):
        config = ViTConfig(attention=attention)
        y = attend(q, k, v, config, scale=E**-0.5, bias=bias)
        return (y * g).astype(jnp.float32).sum(), y

    def run(attention):
        find = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
        (_, y), gradients = find(q, k, v, attention=attention)
        return [np.asarray(x, np.float32) for x in (y, *gradients)]

    bar = 2e-6 if dtype == "float32" else 3e-2  # of some numbers near 1
    for ours, theirs in zip(run("auto"), run("xla"), strict=True):
        assert np.abs(ours - theirs).max() <= bar * np.abs(theirs).max()
