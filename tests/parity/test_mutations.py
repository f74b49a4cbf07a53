"""The bar catches what argmax never shows, and the report names where it begins."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from tests.models import random_images
from tests.parity.references import VARIANTS, tensors_of
from vit_jax.errors import InputError
from vit_jax.model.params import Params, bind
from vit_jax.model.vit import VisionTransformer
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.parity import parity

PLAIN = VARIANTS[0]


def swap(*names: str) -> Callable[[Params], Params]:
    """Returns a change of parameters in which names change places, two by two."""
    places = dict(zip(names, (*names[1::2], *names[::2]), strict=False))
    for one, two in zip(names[::2], names[1::2], strict=True):
        places[one], places[two] = two, one
    return lambda params: {n: params[places.get(n, n)] for n in params}


def keep(params: Params) -> Params:
    """Returns the parameters as they are."""
    return params


MUTATIONS = {
    "norm_eps 1e-5": ({"norm_eps": 1e-5}, keep, "blocks.0"),
    "norm_eps 1e-12": ({"norm_eps": 1e-12}, keep, "blocks.0"),
    "tanh GELU": ({"activation": "gelu_tanh"}, keep, "blocks.0"),
    "quick GELU": ({"activation": "quick_gelu"}, keep, "blocks.0"),
    "heads": ({"num_heads": 4}, keep, "blocks.0"),
    "scale of embed_dim": ({"attn_scale": 48**-0.5}, keep, "blocks.0"),
    "q and k": (
        {},
        swap(
            "blocks.1.attn.q.kernel",
            "blocks.1.attn.k.kernel",
            "blocks.1.attn.q.bias",
            "blocks.1.attn.k.bias",
        ),
        "blocks.1",
    ),
    "norms": ({}, swap("blocks.1.norm1.scale", "blocks.1.norm2.scale"), "blocks.1"),
    "final norm": ({}, swap("norm.bias", "blocks.0.norm1.bias"), "blocks.0"),
}


def mutated(
    changes: dict, change: Callable[[Params], Params]
) -> tuple[VisionTransformer, object]:
    reference = PLAIN.build()
    params = make_plan(TIMM, PLAIN.config).to_ours(tensors_of(reference))
    return bind(PLAIN.config.replace(**changes), change(params)), reference


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mistake_is_caught_where_it_begins(name):
    changes, change, stage = MUTATIONS[name]
    model, reference = mutated(changes, change)
    report = parity(model, reference, random_images(PLAIN.config), tolerance=2e-6)
    assert report.first_difference == stage, str(report)
    logits = report.stages[-1]
    assert not logits.within(2e-6), str(report)


def test_the_report_is_a_table_that_names_the_first_difference():
    model, reference = mutated({"activation": "gelu_tanh"}, keep)
    report = parity(model, reference, random_images(PLAIN.config))
    assert "embed" in str(report)
    assert "<- differs" in str(report)
    assert "first difference: blocks.0" in str(report)
    assert str(dataclasses.replace(report, tolerance=1.0)).endswith(
        "equal (tolerance 1)"
    )


def test_numbers_that_are_no_numbers_are_a_difference():
    model, reference = mutated({}, lambda p: {n: np.full_like(p[n], np.nan) for n in p})
    report = parity(model, reference, random_images(PLAIN.config))
    assert report.first_difference == "embed"


def test_a_reference_of_another_kind_is_refused():
    import torch

    model, _ = mutated({}, keep)
    with pytest.raises(InputError, match="no submodule"):
        parity(model, torch.nn.Linear(2, 2), random_images(PLAIN.config))


def test_the_reference_is_left_as_it_was():
    model, reference = mutated({}, keep)
    reference.train()
    parity(model, reference, random_images(PLAIN.config))
    assert reference.training
    assert not any(module._forward_hooks for module in reference.modules())
