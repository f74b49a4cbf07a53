"""Each optimizer against optax's of its name; clipping and rates by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.models import TINY
from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.train.optim import LAMB, MUON, make_optimizer
from vit_jax.train.optim_config import OptimConfig

RATE, DECAY = 0.01, 0.1
SHAPES = {
    "embed.proj.kernel": (12, 8),
    "blocks.0.mlp.fc1.kernel": (130, 140),  # large enough to be factored
    "blocks.0.mlp.fc2.kernel": (140, 8),
    "norm.scale": (8,),
    "head.kernel": (8, 10),
}
KERNELS = {name: name.endswith(".kernel") for name in SHAPES}


def draw(seed):
    rng = np.random.default_rng(seed)
    return {n: jnp.asarray(rng.normal(size=s), jnp.float32) for n, s in SHAPES.items()}


def follow(optimizer, *, factor=1.0):
    """Returns parameters after five steps with the same gradients for every caller."""
    params, grads = draw(0), [draw(seed) for seed in range(1, 6)]

    @jax.jit
    def take(params, state, grads):
        updates, state = optimizer.update(grads, state, params)
        return jax.tree.map(lambda p, u: p + factor * u, params, updates), state

    state = jax.jit(optimizer.init)(params)
    for each in grads:
        params, state = take(params, state, each)
    return jax.device_get(params)


def ours(name, **changes):
    config = OptimConfig(name=name, weight_decay=DECAY, clip_norm=None, **changes)
    return follow(make_optimizer(config, SHAPES), factor=-RATE)


def assert_equal(found, wanted):
    """To float32 rounding; numbers are about 1."""
    assert found.keys() == wanted.keys()
    for name in found:
        np.testing.assert_allclose(
            found[name], wanted[name], rtol=1e-6, atol=1e-6, err_msg=name
        )


def optax_sgd(**settings):
    decayed = optax.add_decayed_weights(-RATE * DECAY, KERNELS)
    return optax.chain(optax.sgd(RATE, **settings), decayed)


def optax_adafactor(**settings):
    """Its decay is not times the learning rate."""
    return optax.adafactor(
        RATE,
        weight_decay_rate=RATE * DECAY,
        weight_decay_mask=KERNELS,
        **settings,
    )


CASES = {
    "adamw": ({}, optax.adamw(RATE, weight_decay=DECAY, mask=KERNELS)),
    "adamw, set": (
        {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3},
        optax.adamw(RATE, 0.8, 0.95, 1e-3, weight_decay=DECAY, mask=KERNELS),
    ),
    "sgd": ({}, optax_sgd(momentum=0.9)),
    "sgd, nesterov": (
        {"momentum": 0.8, "nesterov": True},
        optax_sgd(momentum=0.8, nesterov=True),
    ),
    "sgd, none": ({"momentum": 0.0}, optax_sgd()),
    "lion": ({}, optax.lion(RATE, weight_decay=DECAY, mask=KERNELS)),
    "adafactor": ({}, optax_adafactor()),
    "adafactor, as for ViT-G": (
        {"momentum": 0.9, "parameter_scale": False, "beta2": 0.999},
        optax_adafactor(momentum=0.9, multiply_by_parameter_scale=False),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_five_steps_are_those_of_optax(case):
    changes, reference = CASES[case]
    assert_equal(ours(case.split(",")[0], **changes), follow(reference))


def test_lamb_is_optaxs_for_kernels_and_adamw_for_the_head_and_the_rest():
    """The head begins at zero, where a trust ratio would hold it."""
    adapted = {name: bool(LAMB.search(name)) for name in SHAPES}
    assert [n for n, on in adapted.items() if not on] == ["norm.scale", "head.kernel"]
    lamb = optax.lamb(RATE, weight_decay=DECAY, mask=KERNELS)
    adamw = optax.adamw(RATE, eps=1e-6, weight_decay=DECAY, mask=KERNELS)
    theirs, rest = follow(lamb), follow(adamw)
    assert_equal(
        ours("lamb"), {n: (theirs if on else rest)[n] for n, on in adapted.items()}
    )


@pytest.mark.parametrize(("rms", "nesterov"), [(0.2, True), (None, False)])
def test_muon_is_optaxs_for_hidden_kernels_and_adamw_for_the_rest(rms, nesterov):
    hidden = {name: bool(MUON.search(name)) for name in SHAPES}
    axes = optax.contrib.MuonDimensionNumbers()
    muon = optax.contrib.muon(
        RATE,
        nesterov=nesterov,
        weight_decay=DECAY,
        consistent_rms=rms,
        muon_weight_dimension_numbers={
            n: axes if on else None for n, on in hidden.items()
        },
    )
    found = ours("muon", nesterov=nesterov, consistent_rms=rms or 0.0)
    theirs, adamw = follow(muon), follow(CASES["adamw"][1])
    assert_equal(found, {n: (theirs if on else adamw)[n] for n, on in hidden.items()})


def test_muon_takes_hidden_kernels_and_nothing_else():
    shapes = param_shapes(TINY.replace(depth=1, layer_scale=0.1, pool="map"))
    found = {name.removesuffix(".kernel") for name in shapes if MUON.search(name)}
    assert found == {
        *(f"blocks.0.attn.{name}" for name in ("q", "k", "v", "proj")),
        *(f"pool.attn.{name}" for name in ("q", "k", "v", "proj")),
        *(
            f"{room}.mlp.{name}"
            for room in ("blocks.0", "pool.attn")
            for name in ("fc1", "fc2")
        ),
    }
    assert all(len(shapes[f"{name}.kernel"]) == 2 for name in found)


def test_the_decay_of_adafactors_second_moment_ends_where_beta2_says():
    """Step 2 would decay by 1 - 2**-0.8 = 0.43."""
    config = OptimConfig(name="adafactor", beta2=0.25, decay_rows=((".*", 0.0),))
    params = {"w": jnp.zeros(1)}
    optimizer = make_optimizer(config, params)
    state = optimizer.init(params)
    for grad in (0.5, 0.25):
        _, state = optimizer.update({"w": jnp.full(1, grad)}, state, params)
    second = optax.tree.get(state, "v")["w"]
    np.testing.assert_allclose(second, 0.25 * 0.5**2 + 0.75 * 0.25**2, rtol=1e-6)


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


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"clip_norm": 1.0}, [0.6, -0.8]),
        ({"clip_norm": None}, [30.0, -40.0]),
        ({"clip_norm": None, "clip_value": 35.0}, [30.0, -35.0]),
        ({"clip_norm": 5.0, "clip_value": 30.0}, [12.5**0.5, -(12.5**0.5)]),
    ],
)
def test_gradients_are_clipped_by_value_then_by_their_global_norm(changes, expected):
    config = OptimConfig(name="sgd", momentum=0.0, decay_rows=((".*", 0.0),), **changes)
    params = {"w": jnp.zeros(1), "b": jnp.zeros(1)}
    grads = {"w": jnp.array([30.0]), "b": jnp.array([-40.0])}
    optimizer = make_optimizer(config, params)
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    found = [float(updates["w"][0]), float(updates["b"][0])]
    assert np.abs(found) == pytest.approx(np.abs(expected), rel=1e-5)
    assert found[1] < 0


def test_rates_scale_updates_and_decay():
    config = OptimConfig(
        name="sgd",
        momentum=0.0,
        weight_decay=1.0,
        clip_norm=None,
        layer_decay=0.5,
        rate_rows=(("bias", 3.0), (".*", 1.0)),
    )
    names = ("embed.proj.kernel", "blocks.0.ls1.gamma", "head.kernel", "head.bias")
    params = {name: jnp.ones(1) for name in names}
    grads = {name: jnp.full(1, 2.0) for name in names}
    optimizer = make_optimizer(config, names)
    updates, _ = optimizer.update(grads, optimizer.init(params), params)
    assert {name: float(update[0]) for name, update in updates.items()} == {
        "embed.proj.kernel": 0.25 * (2 + 1),
        "blocks.0.ls1.gamma": 0.5 * 2,
        "head.kernel": 2 + 1,
        "head.bias": 3 * 2,
    }


def test_rows_that_match_nothing_are_refused_by_their_field():
    config = OptimConfig(rate_rows=(("none", 1.0), (".*", 1.0)))
    with pytest.raises(InputError, match=r"optim\.rate_rows: the row 'none'"):
        make_optimizer(config, SHAPES)
