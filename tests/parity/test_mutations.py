"""The bar catches what argmax never shows, and the report names where it begins."""

import dataclasses
import json
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
import pytest

from tests.models import random_images
from tests.parity.references import DINOV3, EVA02, VARIANTS, Variant, tensors_of
from vit_jax.errors import InputError
from vit_jax.model.params import Params, bind
from vit_jax.model.vit import VisionTransformer
from vit_jax.weights.layouts.timm import TIMM, TIMM_EVA
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.parity import parity
from vit_jax.weights.proof.report import ParityReport, StageError

PLAIN = VARIANTS[0]
SCALED = next(variant for variant in VARIANTS if variant.name == "layer_scale")

Change = Callable[[Params], Params]


def swap(*names: str) -> Change:
    """Returns a change of parameters in which names change places, two by two."""
    places = dict(zip(names[::2], names[1::2], strict=True))
    places |= {two: one for one, two in places.items()}
    return lambda params: {n: params[places.get(n, n)] for n in params}


def keep(params: Params) -> Params:
    """Returns the parameters as they are."""
    return params


def drop(end: str) -> Change:
    """Returns a change that leaves out the parameters whose names have an end."""
    return lambda params: {n: params[n] for n in params if not n.endswith(end)}


@dataclasses.dataclass(frozen=True)
class Mutation:
    """A mistake: where it begins, and what the report must say of it."""

    name: str
    changes: dict[str, Any]
    stage: str
    cause: str
    variant: Variant = PLAIN
    change: Change = keep


ATTN = "blocks.1.attn"
QK = swap(*(f"{ATTN}.{p}.{kind}" for kind in ("kernel", "bias") for p in "qk"))
NORMS = swap(*(f"blocks.1.norm{n}.{kind}" for kind in ("scale", "bias") for n in "12"))
FIRST = "blocks.0"

MUTATIONS = (
    Mutation("eps 1e-5", {"norm_eps": 1e-5}, FIRST, "norm_eps=1e-06 makes every"),
    Mutation("eps 1e-12", {"norm_eps": 1e-12}, FIRST, "norm_eps=1e-06 makes every"),
    Mutation("tanh", {"activation": "gelu_tanh"}, FIRST, "activation='gelu' makes"),
    Mutation("quick", {"activation": "quick_gelu"}, FIRST, "activation='gelu' makes"),
    Mutation(
        "tanh and eps",
        {"activation": "gelu_tanh", "norm_eps": 1e-12},
        FIRST,
        "activation='gelu', norm_eps=1e-06 makes every",
    ),
    Mutation("heads", {"num_heads": 4}, FIRST, "num_heads=3, head_dim=16 makes"),
    Mutation("scale", {"attn_scale": 48**-0.5}, FIRST, "attn_scale=None makes every"),
    Mutation(
        "heads and eps",
        {"num_heads": 4, "norm_eps": 1e-3},
        FIRST,
        "num_heads=3, head_dim=16, norm_eps=1e-06 makes every",
    ),
    Mutation(
        "three at once",
        {"num_heads": 4, "norm_eps": 1e-3, "activation": "relu"},
        FIRST,
        "Not found: no other epsilon",
    ),
    Mutation("norm order", {"block": "post"}, FIRST, "block='pre' makes every"),
    Mutation("pooling", {"pool": "mean"}, "pool", "pool='cls' makes every"),
    Mutation(
        "q and k",
        {},
        "blocks.1",
        f"{ATTN}.q.kernel: holds the reference's {ATTN}.k.kernel",
        change=QK,
    ),
    Mutation(
        "norms",
        {},
        "blocks.1",
        "blocks.1.norm1.scale: holds the reference's blocks.1.norm2.scale",
        change=NORMS,
    ),
    Mutation(
        "layer scale dropped",
        {"layer_scale": None},
        FIRST,
        "layer_scale=1e-05, with which every stage agrees",
        SCALED,
        drop("gamma"),
    ),
    Mutation(
        "axial for centred",
        {"rope": "axial"},
        FIRST,
        "rope='centred' makes every",
        DINOV3,
    ),
    Mutation(
        "interleaved for halves",
        {"rope_pairs": "interleaved"},
        FIRST,
        "rope_pairs='halves' makes every",
        DINOV3,
    ),
    Mutation("no rope", {"rope": "none"}, FIRST, "rope='centred' makes", DINOV3),
    Mutation(
        "another rope",
        {"rope": "axial", "rope_pairs": "interleaved", "rope_temperature": 1e4},
        FIRST,
        "rope='centred', rope_pairs='halves', rope_temperature=100.0 makes",
        DINOV3,
    ),
    Mutation("axes", {"rope_axes": "xy"}, FIRST, "rope_axes='yx' makes", EVA02),
    Mutation("offset", {"rope_offset": 1.0}, FIRST, "rope_offset=0.0 makes", EVA02),
)


def mutated(mutation: Mutation) -> tuple[VisionTransformer, Any]:
    """Returns the model with the mistake, and the reference."""
    config, reference = mutation.variant.config, mutation.variant.build()
    layout = TIMM_EVA if mutation.variant in (DINOV3, EVA02) else TIMM
    params = make_plan(layout, config).to_ours(tensors_of(reference))
    model = bind(config.replace(**mutation.changes), mutation.change(params))
    return model, reference


@pytest.mark.parametrize("mutation", MUTATIONS, ids=attrgetter("name"))
def test_a_mistake_is_caught_where_it_begins_and_named(mutation):
    model, reference = mutated(mutation)
    images = random_images(mutation.variant.config)
    report = parity(model, reference, images, tolerance=2e-6)
    assert report.first_difference == mutation.stage, str(report)
    assert not report.stages[-1].within(2e-6), str(report)
    assert mutation.cause in (report.cause or ""), report.cause


@pytest.mark.parametrize(
    "variant", [PLAIN, SCALED, DINOV3, EVA02], ids=attrgetter("name")
)
def test_without_a_mistake_they_are_equal_and_no_cause_is_given(variant):
    model, reference = mutated(Mutation("none", {}, "", "", variant))
    report = parity(model, reference, random_images(variant.config), tolerance=2e-6)
    assert report.ok, str(report)
    assert report.cause is None


def test_the_report_is_a_table_that_names_the_first_difference():
    model, reference = mutated(MUTATIONS[2])
    report = parity(model, reference, random_images(PLAIN.config))
    assert "embed" in str(report)
    assert "<- differs" in str(report)
    assert "first difference: blocks.0" in str(report)
    assert "likely cause: activation='gelu' makes every stage agree" in str(report)
    kind = dataclasses.replace(report, tolerance=1.0, cause=None)
    assert str(kind).endswith("equal (tolerance 1)")


def test_a_report_is_json_and_a_picture(tmp_path):
    model, reference = mutated(MUTATIONS[2])
    report = parity(model, reference, random_images(PLAIN.config), explain=False)
    fields = json.loads(json.dumps(report.to_fields()))
    assert fields["ok"] is False
    assert fields["first_difference"] == "blocks.0"
    assert fields["cause"] is None
    assert fields["stages"][0]["stage"] == "patches"
    report.draw(tmp_path / "parity.png", title="a tanh GELU")
    assert (tmp_path / "parity.png").read_bytes().startswith(b"\x89PNG")


def test_nan_is_null_in_json():
    error = StageError("logits", float("nan"), 0.0, float("inf"))
    fields = ParityReport((error,), 1e-5).to_fields()
    assert fields["stages"][0]["relative_l2"] is None
    json.dumps(fields, allow_nan=False)


def test_a_layout_is_chosen_by_the_references_parameters():
    model, reference = mutated(Mutation("", {}, "", "", DINOV3))
    images = random_images(DINOV3.config)
    assert parity(model, reference, images, tolerance=2e-6).ok
    with pytest.raises(InputError, match="no layout 'eva'"):
        parity(model, reference, images, layout="eva")


def test_numbers_that_are_no_numbers_are_a_difference():
    nothing = Mutation(
        "", {}, "", "", change=lambda p: {n: np.full_like(p[n], np.nan) for n in p}
    )
    model, reference = mutated(nothing)
    report = parity(model, reference, random_images(PLAIN.config))
    assert report.first_difference == "patches"


def test_a_reference_of_another_kind_is_refused():
    import torch

    model, _ = mutated(Mutation("", {}, "", ""))
    with pytest.raises(InputError, match="names of no layout that is known"):
        parity(model, torch.nn.Linear(2, 2), random_images(PLAIN.config))


def test_the_reference_is_left_as_it_was():
    model, reference = mutated(Mutation("", {}, "", ""))
    reference.train()
    parity(model, reference, random_images(PLAIN.config))
    assert reference.training
    assert not any(module._forward_hooks for module in reference.modules())
