import numpy as np
import pytest

from tests.models import TINY, random_params
from vit_jax.errors import InputError
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.recognise.detect import detect
from vit_jax.weights.recognise.peel import peel


def tensors_of(config):
    return make_plan(TIMM, config).to_theirs(random_params(config))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda t: t,
        lambda t: {"model": t, "epoch": 3, "optimizer": {"state": {}}},
        lambda t: {"state_dict": {f"module.{key}": t[key] for key in t}},
        lambda t: {"model": {"state_dict": {f"_orig_mod.{key}": t[key] for key in t}}},
    ],
    ids=["bare", "training file", "data parallel", "twice"],
)
def test_wrappers_and_prefixes_are_peeled(wrap):
    tensors = tensors_of(TINY)
    found = detect(peel(wrap(tensors), "file"), {"num_heads": 2})
    assert found.tensors.keys() == tensors.keys()
    assert not found.faults


@pytest.mark.parametrize("tree", [[1, 2], {}, {"epoch": 3}, None])
def test_a_file_without_tensors_says_what_was_expected(tree):
    with pytest.raises(InputError, match="holds no dict of tensors"):
        peel(tree, "file")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"distill_token": True, "layer_scale": 1e-5},
        {"position_on": "patches"},
        {"pool": "mean", "class_token": "none", "num_classes": 0},
        {"pool": "mean", "norm_after_pool": True, "final_norm": False},
    ],
)
def test_shapes_tell_all_but_the_guesses(changes):
    config = TINY.replace(embed_dim=128, mlp_dim=96, image_size=16, **changes)
    assert detect(tensors_of(config)).inference.config == config


def test_keys_of_another_layout_are_named():
    with pytest.raises(InputError, match=r"no layout that is known.*encoder\.ln"):
        detect({"encoder.ln.weight": np.ones(3)})


def test_a_grid_that_is_not_square_is_asked_for():
    config = TINY.replace(image_size=(8, 12))
    with pytest.raises(InputError, match="position table has 7 rows"):
        detect(tensors_of(config), {"num_heads": 2})
    found = detect(tensors_of(config), {"num_heads": 2, "image_size": (8, 12)})
    assert found.inference.config == config
