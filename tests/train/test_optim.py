import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.models import TINY
from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.train.config import OptimConfig
from vit_jax.train.optim import make_optimizer, make_schedule, match_rows

NAMES = ("a.kernel", "a.bias", "b.kernel")


def test_the_first_row_that_matches_counts():
    rows = (("^b", 0.5), (r"\.kernel$", 1.0), (".*", 0.0))
    assert match_rows(rows, NAMES, field="rows") == {
        "a.kernel": 1.0,
        "a.bias": 0.0,
        "b.kernel": 0.5,
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("kernel", 1.0)], r"no row matches the parameter a\.bias"),
        ([("c", 1.0), (".*", 0.0)], "the row 'c' matches no parameter"),
        ([(".*", 0.0), ("kernel", 1.0)], "the row 'kernel' matches no parameter"),
        ([("(", 1.0)], "is no regular expression"),
    ],
)
def test_rows_that_do_not_cover_or_do_nothing_are_refused(rows, message):
    with pytest.raises(InputError, match=f"rows: .*{message}|rows: {message}"):
        match_rows(rows, NAMES, field="rows")


def test_by_default_kernels_decay_and_nothing_else():
    shapes = param_shapes(TINY.replace(layer_scale=0.1, depth=1))
    factors = match_rows(OptimConfig().decay_rows, shapes, field="rows")
    assert {name for name, factor in factors.items() if factor} == {
        "embed.proj.kernel",
        "blocks.0.attn.q.kernel",
        "blocks.0.attn.k.kernel",
        "blocks.0.attn.v.kernel",
        "blocks.0.attn.proj.kernel",
        "blocks.0.mlp.fc1.kernel",
        "blocks.0.mlp.fc2.kernel",
        "head.kernel",
    }


def test_the_schedule_warms_up_to_the_peak_and_ends_at_the_end():
    config = OptimConfig(learning_rate=1.0, warmup_steps=10, final_learning_rate=0.1)
    schedule = make_schedule(config, 110)
    rates = [float(schedule(step)) for step in (0, 5, 10, 60, 110)]
    assert rates == pytest.approx([0, 0.5, 1.0, 0.55, 0.1], abs=1e-6)


def test_one_update_is_adamws():
    """Against the paper's formula, by hand: arXiv:1711.05101, algorithm 2."""
    config = OptimConfig(
        learning_rate=0.1, weight_decay=0.2, decay_rows=(("w", 1.0), ("b", 0.0))
    )
    params = {"w": jnp.array([2.0]), "b": jnp.array([3.0])}
    grads = {"w": jnp.array([0.3]), "b": jnp.array([-0.4])}  # of norm 0.5: not clipped
    optimizer = make_optimizer(config, params)
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    new = jax.tree.map(lambda p, u: p - 0.1 * u, params, updates)
    np.testing.assert_allclose(new["w"], 2.0 - 0.1 * (1 + 0.2 * 2.0), rtol=1e-6)
    np.testing.assert_allclose(new["b"], 3.0 + 0.1, rtol=1e-6)


def test_gradients_are_clipped_by_their_global_norm():
    config = OptimConfig(clip_norm=1.0, decay_rows=((".*", 0.0),))
    params = {"w": jnp.zeros(1), "b": jnp.zeros(1)}
    grads = {"w": jnp.array([30.0]), "b": jnp.array([40.0])}
    optimizer = make_optimizer(config, params)
    _, state = optimizer.update(grads, optimizer.init(params), params)
    mean = optax.tree_utils.tree_get(state, "mu")
    np.testing.assert_allclose([mean["w"][0], mean["b"][0]], [0.06, 0.08], rtol=1e-5)
