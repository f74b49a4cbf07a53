import pytest

from tests.models import TINY
from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.train.optim import find_rates
from vit_jax.train.optim_config import OptimConfig
from vit_jax.train.param_rows import find_layer_rates, find_trained, match_rows

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


def test_each_layer_has_its_rate():
    """Written out: embed is layer 0, block i layer i + 1, the rest the last."""
    shapes = param_shapes(TINY.replace(layer_scale=0.1, depth=2))
    rates = find_layer_rates(0.5, shapes)
    block = dict.fromkeys(n[9:] for n in shapes if n.startswith("blocks.0."))
    assert rates == {
        "embed.cls_token": 0.125,
        "embed.pos_embed": 0.125,
        "embed.proj.kernel": 0.125,
        "embed.proj.bias": 0.125,
        **{f"blocks.0.{name}": 0.25 for name in block},
        **{f"blocks.1.{name}": 0.5 for name in block},
        "norm.scale": 1.0,
        "norm.bias": 1.0,
        "head.kernel": 1.0,
        "head.bias": 1.0,
    }


def test_block_ten_comes_after_block_nine():
    names = [f"blocks.{i}.ls1.gamma" for i in range(11)]
    rates = find_layer_rates(0.5, names)
    assert rates["blocks.10.ls1.gamma"] == 0.5
    assert rates["blocks.9.ls1.gamma"] == 0.25


def test_rows_of_rates_multiply_the_layers_rates():
    names = ("embed.proj.kernel", "blocks.0.ls1.gamma", "head.kernel")
    config = OptimConfig(layer_decay=0.5, rate_rows=(("^head", 10.0), (".*", 2.0)))
    assert find_rates(config, names) == {
        "embed.proj.kernel": 0.5,
        "blocks.0.ls1.gamma": 1.0,
        "head.kernel": 10.0,
    }


def test_what_is_frozen_is_not_trained():
    assert find_trained((), NAMES) == list(NAMES)
    assert find_trained(("^a", "none|kernel$"), (*NAMES, "b.bias")) == ["b.bias"]


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        (("c",), "'c' matches no parameter"),
        (("a", "b"), "matches every parameter"),
        (("(",), "is no regular expression"),
    ],
)
def test_patterns_that_freeze_nothing_or_everything_are_refused(freeze, message):
    with pytest.raises(InputError, match=rf"optim\.freeze.*{message}"):
        find_trained(freeze, NAMES)
