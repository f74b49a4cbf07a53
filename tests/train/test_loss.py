import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vit_jax.train.loss import softmax_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_cross_entropy_against_smoothed_targets(smoothing):
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32)
    targets = jax.nn.one_hot(jnp.array([1, 0, 3]), 4)
    smooth = np.asarray(targets) * (1 - smoothing) + smoothing / 4
    log_p = np.asarray(logits) - np.log(np.exp(logits).sum(-1, keepdims=True))
    loss = softmax_cross_entropy(logits, targets, label_smoothing=smoothing)
    assert float(loss) == pytest.approx(-(smooth * log_p).sum(-1).mean(), rel=1e-6)


def test_half_precision_logits_give_a_float32_loss():
    logits, targets = (
        jnp.ones((2, 10), jnp.bfloat16),
        jax.nn.one_hot(jnp.array([0, 1]), 10),
    )
    loss = softmax_cross_entropy(logits, targets, label_smoothing=0.0)
    assert loss.dtype == jnp.float32
    assert float(loss) == pytest.approx(np.log(10), rel=1e-6)
