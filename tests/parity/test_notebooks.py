"""Five notebooks, as written and as meant: one model by its configuration."""

from typing import Any

import jax
import numpy as np
import pytest
import torch

from tests.models import random_images
from tests.parity.notebooks import (
    notebook_000,
    notebook_001,
    notebook_002,
    notebook_003,
)
from tests.parity.notebooks.forms import FORMS, build, by_name
from tests.parity.references import randomise, run, tensors_of
from vit_jax.errors import InputWarning
from vit_jax.model.params import bind, param_shapes, unbind
from vit_jax.presets import PRESETS
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.parity import parity

# Models that forgot batch_first say so whenever they compute.
pytestmark = pytest.mark.filterwarnings("ignore:attend_over='batch'")

# One shape for all: JAX compiles each operation for each shape anew.
BATCH = 3

# float32 rounding is 3e-7 to 9e-7 at these sizes; a wrong norm_eps shows as 4e-6.
BAR = 2e-6

each_form = pytest.mark.parametrize(
    "form",
    FORMS,
    ids=lambda form: form.preset + "_one_head" * (form.tiny.get("num_heads") == 1),
)


def relative_errors(ours: Any, theirs: Any) -> tuple[float, float]:
    """Returns the largest error over the largest number, and the relative L2."""
    x, y = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert x.shape == y.shape
    largest = float(np.abs(x - y).max() / np.abs(y).max())
    return largest, float(np.linalg.norm(x - y) / np.linalg.norm(y))


@each_form
def test_logits_and_every_stage_equal_the_notebooks(form):
    config, reference, model = build(form)
    images = random_images(config, BATCH)
    assert max(relative_errors(model(images), run(reference, images))) <= BAR

    report = parity(model, reference, images, tolerance=BAR, layout=form.layout.name)
    assert report.ok, str(report)
    stages = {stage.stage for stage in report.stages}
    assert stages >= {"embed", "logits"}
    assert len(stages) >= 4


@each_form
def test_tensors_come_back_bit_for_bit(form):
    config, reference, _ = build(form)
    tensors, plan = tensors_of(reference), make_plan(form.layout, config)
    again = plan.to_theirs(plan.to_ours(tensors))
    assert again.keys() == tensors.keys()
    assert all(again[key].tobytes() == tensors[key].tobytes() for key in tensors)
    state = {key: torch.from_numpy(value.copy()) for key, value in again.items()}
    form.reference(config).load_state_dict(state, strict=True)


@pytest.mark.parametrize("name", sorted({form.preset for form in FORMS}))
def test_the_preset_has_every_tensor_of_the_notebook_at_full_size(name):
    form, config = by_name(name), PRESETS[name].config
    assert PRESETS[name].layout == form.layout.name
    if form.tiny:
        config = config.replace(depth=1)  # all blocks are alike, and tracing is slow
    with torch.device("meta"):
        state = form.reference(config).state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    assert make_plan(form.layout, config).find_faults(shapes) == []


@pytest.mark.parametrize(
    "form", [form for form in FORMS if form.mended], ids=lambda form: form.preset
)
def test_what_the_notebook_got_wrong_is_seen(form):
    """The same parameters without the mistake are another model, well above the bar."""
    config, reference, model = build(form)
    images = random_images(config, BATCH)
    mended = bind(config.replace(**form.mended), unbind(model))
    assert min(relative_errors(mended(images), run(reference, images))) > 100 * BAR


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("notebook_000_literal", 768**-0.5),
        ("notebook_000_intended", None),
        ("notebook_004_literal", 64**0.5),
        ("notebook_004_intended", None),
    ],
)
def test_the_preset_scales_attention_as_the_notebook(name, scale):
    assert PRESETS[name].config.attn_scale == scale


PRINTED = [
    ("notebook_000_literal", "patches", (1, 196, 768)),
    ("notebook_001_literal", "patches", (2, 196, 768)),
    ("notebook_001_literal", "embed", (2, 197, 768)),
    ("notebook_001_literal", "blocks.0", (2, 197, 768)),
    ("notebook_002_intended", "logits", (1, 10)),
    ("notebook_003_literal", "logits", (8, 10)),
]


@pytest.mark.parametrize(("name", "stage", "shape"), PRINTED)
def test_stages_have_the_shapes_that_the_notebook_prints(name, stage, shape):
    config = PRESETS[name].config.replace(depth=1)
    shapes = {
        n: jax.ShapeDtypeStruct(s, "float32") for n, s in param_shapes(config).items()
    }
    images = jax.ShapeDtypeStruct((shape[0], *config.image_shape), "float32")
    stages = jax.eval_shape(
        lambda p, x: dict(bind(config, p).stages(x)), shapes, images
    )
    assert stages[stage].shape == shape


def test_the_modules_have_the_shapes_that_the_notebooks_print():
    with torch.no_grad():
        image = notebook_000.PatchEmbed()(torch.randn(1, 3, 224, 224))
        assert image.shape == (1, 196, 768)
        assert notebook_000.Attention(dim=768)(image).shape == (1, 196, 768)

        x = notebook_001.Patch_conv(16)(torch.randn(2, 3, 224, 224))
        assert x.shape == (2, 196, 768)
        x = notebook_001.Position_Embedding(patch_size=16, img_size=224)(x)
        assert x.shape == (2, 197, 768)
        x = notebook_001.Transformer(2, x.shape[1], x.shape[2], 4, dropout=0.2)(x)
        assert x.shape == (2, 197, 768)
        assert x[:, 0, :].shape == (2, 768)

        assert notebook_002.Notebook002()(torch.randn(1, 3, 8, 8)).shape == (1, 10)
        assert notebook_003.ViT()(torch.randn(8, 1, 28, 28)).shape == (8, 10)


def test_001_reads_the_first_patch_for_the_class_token():
    config, reference, model = build(by_name("notebook_001_literal"))
    images = random_images(config, BATCH)
    tokens = model.embed(images)
    x, pos = model.embed.patches(images), model.embed.pos_embed[...]
    assert np.array_equal(tokens[:, 0], x[:, 0] + pos[:, 0])
    cls = model.embed.cls_token[...][:, 0] + pos[:, -1]
    assert np.array_equal(tokens[:, -1], np.broadcast_to(cls, tokens[:, -1].shape))

    theirs = run(reference, images)
    for changes, index in (
        ({"pool": "token", "pool_token": 0}, 0),
        ({"pool": "token", "pool_token": -1}, -1),
        ({"pool": "cls"}, -1),
    ):
        ours = bind(config.replace(**changes), unbind(model))(images)
        assert max(relative_errors(ours, theirs[:, index])) <= BAR


def test_002_cuts_patches_by_unfolding_as_by_convolution():
    config, reference, model = build(by_name("notebook_002_intended"))
    images = random_images(config, BATCH)
    image = torch.from_numpy(np.moveaxis(images, -1, 1).copy())
    with torch.no_grad():
        weight, kernel, size = reference.weight, reference.kernel, reference.patch_size
        unfolded = notebook_002.image2emb_navie(image, size, weight)
        convolved = notebook_002.image2emb_conv(image, kernel, size)
    assert max(relative_errors(convolved, unfolded)) <= BAR
    assert max(relative_errors(model.embed.patches(images), unfolded)) <= BAR


def test_002_reads_no_image_for_its_logits():
    """They are the class token's parameter's; what the encoder gives is thrown away."""
    config, encoder, _ = build(by_name("notebook_002_literal"))
    images = random_images(config, BATCH)
    hidden = run(encoder, images)
    assert min(relative_errors(hidden[:1], hidden[1:2])) > 0.01
    for intended, rows in ((False, 1), (True, BATCH)):
        module = randomise(notebook_002.Notebook002(intended=intended), seed=1)
        one, two = run(module, images), run(module, images[::-1])
        assert one.shape == (rows, 10)
        assert np.array_equal(one, two) != intended


def test_003_gives_every_image_the_same_logits():
    """Class tokens meet only their equals, until tokens attend within their image."""
    for form, same in (("literal", True), ("intended", False)):
        config, reference, model = build(by_name(f"notebook_003_{form}"))
        images = random_images(config, BATCH)
        for logits in (run(reference, images), np.asarray(model(images))):
            spread = relative_errors(
                logits[1:], np.repeat(logits[:1], BATCH - 1, axis=0)
            )
            assert max(spread) <= BAR if same else min(spread) > 0.01


@pytest.mark.parametrize("number", ["002", "003"])
def test_without_batch_first_an_image_sees_its_batch(number):
    for form, alone in (("literal", False), ("intended", True)):
        config, _, model = build(by_name(f"notebook_{number}_{form}"))
        images = random_images(config, BATCH)
        others = np.concatenate([images[:1], random_images(config, BATCH - 1, seed=1)])
        one, two = (model.encode(model.embed(x))[0] for x in (images, others))
        errors = relative_errors(one, two)
        assert max(errors) <= BAR if alone else min(errors) > 0.01


@pytest.mark.parametrize("number", ["002", "003"])
def test_without_batch_first_the_model_says_so(number):
    config, _, model = build(by_name(f"notebook_{number}_literal"))
    with pytest.warns(InputWarning, match="forgot batch_first"):
        model(random_images(config, BATCH))
