from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.models import TINY, random_images, random_params
from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.model.params import bind, init_params, param_shapes
from vit_jax.weights.adapt import adapt
from vit_jax.weights.faults import ConversionError
from vit_jax.weights.resample import resample_positions

BASE = TINY.replace(image_size=16, in_channels=3)  # 4 x 4 patches
MEAN = {"pool": "mean", "class_token": "none"}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "plain": {},
    "no_class_token": MEAN,
    "deit": {"distill_token": True},
    "registers": {"num_registers": 3},
    "registers_without_position": {"num_registers": 3, "position_on": "class"},
    "deit3": {"position_on": "patches"},
    "class_last": {"class_token": "last"},
    "last_registers": {"class_token": "last", "num_registers": 2},
    "longer_table": {"position_rows": 30},
    "beit": {"position": "none", "relative_position_bias": True},
    "both_tables": {"relative_position_bias": True, "num_branches": 2},
    "no_bias": {"patch_bias": False, "head_bias": False},
    "two_pools": {"pool": "cls_mean"},
    "map": {"pool": "map", "pre_logits": 8},
}
each = pytest.mark.parametrize("fields", ARCHITECTURES.values(), ids=ARCHITECTURES)
SIZES: list[dict[str, Any]] = [
    {"image_size": 20},
    {"image_size": (12, 24)},
    {"image_size": 32, "patch_size": 8},
    {"image_size": 24, "patch_size": (8, 6)},
]


def refuse(old: ViTConfig, new: ViTConfig, **flags: Any) -> list[str]:
    """Returns the lines of the error that adapt raises."""
    with pytest.raises(InputError) as caught:
        adapt(init_params(old, seed=0), old, new, **flags)
    return str(caught.value).splitlines()[1:]


@each
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_the_shapes_are_those_of_the_new_model(fields, sizes):
    old = BASE.replace(**fields)
    new = old.replace(**sizes, in_channels=1, num_classes=4)
    params = {n: a.astype(np.float16) for n, a in random_params(old).items()}
    flags = {"new_head": True, "adapt_channels": True}
    adapted = adapt(params, old, new, resample="timm", **flags)
    assert {name: a.shape for name, a in adapted.items()} == param_shapes(new)
    assert {a.dtype for a in adapted.values()} == {np.dtype(np.float16)}
    assert list(adapted) == list(param_shapes(new))
    changed = ("embed.pos_embed", "embed.proj.kernel", "relative_bias", "head")
    for name in params:
        if not any(part in name for part in changed):
            assert adapted[name] is params[name]


# Rows before the patches, and behind those that are read.
KEPT = [
    ("plain", 1, 0),
    ("deit", 2, 0),
    ("registers", 4, 0),
    ("registers_without_position", 1, 0),
    ("deit3", 0, 0),
    ("class_last", 0, 1),
    ("last_registers", 2, 1),
]


@pytest.mark.parametrize(("name", "before", "after"), KEPT)
@pytest.mark.parametrize("size", [12, 20, (12, 24)])
def test_the_rows_of_other_tokens_are_kept(name, before, after, size):
    old = BASE.replace(**ARCHITECTURES[name])
    new = old.replace(image_size=size)
    params = random_params(old)
    theirs = params["embed.pos_embed"][0]
    ours = adapt(params, old, new, resample="dino")["embed.pos_embed"][0]
    assert np.array_equal(ours[:before], theirs[:before])
    assert np.array_equal(ours[len(ours) - after :], theirs[len(theirs) - after :])
    patches = theirs[before : before + 16]
    np.testing.assert_array_equal(
        ours[before : len(ours) - after],
        resample_positions(patches, (4, 4), new.grid, "dino"),
    )


def test_rows_that_no_token_reads_give_way_and_are_added():
    old = BASE.replace(position_rows=30)
    params = random_params(old)
    theirs = params["embed.pos_embed"][0]

    def rows(**changes: Any) -> np.ndarray:
        new = old.replace(**changes)
        return adapt(params, old, new, resample="timm")["embed.pos_embed"][0]

    assert np.array_equal(rows(position_rows=None), theirs[:17])
    assert np.array_equal(rows(position_rows=20), theirs[:20])
    grown = rows(image_size=20)
    assert np.array_equal(grown[26:], theirs[17:21])
    shrunk = rows(image_size=12)
    assert np.array_equal(shrunk[10:23], theirs[17:])
    assert not shrunk[23:].any()


@pytest.mark.parametrize(
    "fields",
    [
        {"position": "none", "rope": "axial", "rope_grid": (4, 4)},
        {"position": "none", "rope": "mixed"},
        {"position": "sincos2d", "position_on": "patches"},
    ],
    ids=lambda fields: fields.get("rope", "sincos"),
)
def test_a_model_without_tables_takes_any_image_as_it_is(fields):
    old = BASE.replace(**fields)
    new = old.replace(image_size=24)
    params = random_params(old)
    adapted = adapt(params, old, new)
    assert all(adapted[name] is params[name] for name in params)


def test_an_equal_grid_keeps_its_table_and_resampling_may_be_asked_for():
    params = random_params(BASE)
    same = adapt(params, BASE, BASE, resample="timm")
    assert all(np.array_equal(same[name], params[name]) for name in params)
    new = BASE.replace(image_size=32, patch_size=8)
    table = adapt(params, BASE, new, resample="timm")["embed.pos_embed"]
    assert np.array_equal(table, params["embed.pos_embed"])


@pytest.mark.parametrize("fields", [{}, {"distill_token": True}, {"pool": "cls_mean"}])
@pytest.mark.parametrize("keep", [[7, 0, 3], range(9, -1, -1)])
def test_kept_classes_keep_their_logits_in_the_order_given(fields, keep):
    old = BASE.replace(**fields)
    params, images = random_params(old), random_images(old)
    new = old.replace(num_classes=len(keep))
    logits = bind(new, adapt(params, old, new, keep_classes=keep))(images)
    expected = bind(old, params)(images)[:, np.array(keep)]
    np.testing.assert_allclose(logits, expected, rtol=1e-5)


@pytest.mark.parametrize("classes", [10, 4])
def test_a_new_head_is_the_initial_one_in_the_old_dtype(classes):
    old = BASE.replace(distill_token=True)
    new = old.replace(num_classes=classes)
    params = random_params(old)
    dtypes = {"head.kernel": np.float16, "head_dist.bias": ml_dtypes.bfloat16}
    params |= {name: params[name].astype(dtypes[name]) for name in dtypes}
    adapted, initial = adapt(params, old, new, new_head=True), init_params(new, seed=0)
    for name in ("head.kernel", "head.bias", "head_dist.kernel", "head_dist.bias"):
        assert np.array_equal(adapted[name], initial[name])
        assert adapted[name].dtype == params[name].dtype
    assert adapted["norm.scale"] is params["norm.scale"]


def test_a_head_goes_and_comes():
    headless = BASE.replace(num_classes=0)
    params = random_params(BASE)
    features = adapt(params, BASE, headless, new_head=True)
    assert params.keys() - features.keys() == {"head.kernel", "head.bias"}
    again = adapt(features, headless, BASE, new_head=True)
    assert again["head.kernel"].shape == (16, 10)


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3), (4, 1), (1, 4)])
def test_a_grey_image_gives_the_same_in_any_channels(before, after):
    old, new = (BASE.replace(in_channels=count) for count in (before, after))
    params = random_params(old)
    adapted = adapt(params, old, new, adapt_channels=True)
    grey = random_images(BASE)[..., :1]
    expected = bind(old, params)(np.repeat(grey, before, axis=-1))
    logits = bind(new, adapted)(np.repeat(grey, after, axis=-1))
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_what_does_not_fit_without_its_flag_is_told_at_once():
    old = ViTConfig(depth=1)
    new = old.replace(image_size=384, in_channels=1, num_classes=10)
    names = "huggingface, torchvision, dino, dinov2_reg, google, timm_npz, siglip2"
    assert refuse(old, new) == [
        "  image_size 224 -> 384, grid (14, 14) -> (24, 24): the position table goes"
        " from (197, 768) to (577, 768). Give resample='timm' (--resample timm), or"
        f" {names}.",
        "  in_channels 3 -> 1: the patch kernel goes from (768, 768) to (256, 768)."
        " Give adapt_channels=True (--adapt-channels) to sum or repeat its channels.",
        "  num_classes 1000 -> 10 is another head. Give new_head=True (--new-head) to"
        " draw a new one, or keep_classes (--keep-classes) with the indices to keep.",
    ]


ROPE = BASE.replace(position="none", rope="axial")
BEIT = BASE.replace(position="none", relative_position_bias=True)
PIXEL_NORM = BASE.replace(pixel_norm=True)
HEADLESS = BASE.replace(num_classes=0)
WIDE, LARGE = {"image_size": (8, 32)}, {"image_size": 32}
PATCH = {"image_size": 32, "patch_size": 8}
SAME: dict[str, Any] = {}
REFUSED: list[tuple[ViTConfig, dict[str, Any], dict[str, Any], str]] = [
    (BASE, WIDE, {}, "grid (4, 4) -> (2, 8): the position table goes from (17, 16)"),
    (ROPE, PATCH, {}, "patch kernel goes from (48, 16) to (192, 16). Give"),
    (BASE, PATCH, {"resample": "dino"}, "resample='dino' has no way to do that."),
    (BEIT, LARGE, {"resample": "google"}, "from (52, 2) to (228, 2). resample="),
    (BASE, {"depth": 3, "dropout": 0.1}, {}, "  depth 2 -> 3: the model gets other"),
    (BASE, {"position_on": "patches"}, {}, "  position_on all -> patches: the model"),
    (PIXEL_NORM, PATCH, {"resample": "timm"}, "no rule to adapt embed.pixel_norm.bias"),
    (
        BASE,
        {"num_classes": 11},
        {},
        "new_head=True (--new-head) to draw a new one.",
    ),
    (BASE, {"num_classes": 0}, {}, "new_head=True (--new-head) to leave it out."),
    (HEADLESS, SAME, {"new_head": True}, "new_head=True has nothing to do"),
    (BASE, SAME, {"adapt_channels": True}, "adapt_channels=True has nothing to do"),
    (ROPE, LARGE, {"resample": "timm"}, "resample='timm' has nothing to do: no table"),
    (BASE, SAME, {"new_head": True, "keep_classes": [1]}, "exclude each other"),
    (BASE, {"num_classes": 2}, {"keep_classes": [-1, 10]}, "has [-1, 10], but the old"),
    (
        BASE,
        {"num_classes": 2},
        {"keep_classes": [1, 1]},
        "1 different indices of 2",
    ),
    (
        BASE,
        {"num_classes": 3},
        {"keep_classes": [1, 2]},
        "2 different indices of 2",
    ),
    (BASE, {"num_classes": 0}, {"keep_classes": []}, "0 different indices of 0"),
]


@pytest.mark.parametrize(("old", "changes", "flags", "message"), REFUSED)
def test_what_cannot_be_done_is_refused_with_its_reason(old, changes, flags, message):
    (line,) = refuse(old, old.replace(**changes), **flags)
    assert message in line


def test_parameters_of_another_model_are_refused():
    with pytest.raises(ConversionError, match=r"missing  blocks\.1\.\*"):
        adapt(random_params(BASE.replace(depth=1)), BASE, BASE)
