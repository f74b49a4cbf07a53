"""Same weights and same images give timm's numbers, at every stage."""

from operator import attrgetter

import jax
import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from tests.models import random_images
from tests.parity.references import VARIANTS, randomise, run, tensors_of
from vit_jax.model.params import bind, unbind
from vit_jax.presets import PRESETS
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.parity import parity
from vit_jax.weights.recognise.detect import detect
from vit_jax.weights.recognise.infer import OPEN

each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=attrgetter("name"))

# float32 rounding is 1e-7 to 7e-7 at this size; a wrong norm_eps shows as 1e-5.
TINY_BAR = 2e-6


@each_variant
def test_logits_and_every_stage_equal_timm(variant):
    reference, config = variant.build(), variant.config
    params = make_plan(TIMM, config).to_ours(tensors_of(reference))
    images = random_images(config)
    report = parity(bind(config, params), reference, images, tolerance=TINY_BAR)
    assert report.ok, str(report)
    assert [stage.stage for stage in report.stages[:2]] == ["patches", "embed"]
    assert report.stages[-1].stage == "logits"
    assert len(report.stages) >= 4

    theirs = run(reference, images)
    ours = np.asarray(jax.jit(lambda p, x: bind(config, p)(x))(params, images))
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= TINY_BAR * np.abs(theirs).max()


@each_variant
def test_what_goes_through_our_parameters_comes_back_bit_for_bit(variant):
    reference = variant.build()
    tensors = tensors_of(reference)
    plan = make_plan(TIMM, variant.config)
    again = plan.to_theirs(plan.to_ours(tensors))
    assert again.keys() == tensors.keys()
    for key in tensors:
        assert again[key].dtype == tensors[key].dtype
        assert again[key].tobytes() == tensors[key].tobytes(), key
    state = {key: torch.from_numpy(value.copy()) for key, value in again.items()}
    reference.load_state_dict(state, strict=True)


# A grid that is not square is asked for: see test_detect.
SQUARE = [variant for variant in VARIANTS if variant.config.image_size == 28]


@pytest.mark.parametrize("variant", SQUARE, ids=attrgetter("name"))
def test_the_config_is_inferred_from_the_shapes(variant):
    found = detect(tensors_of(variant.build()), {"num_heads": 3})
    told = {name: getattr(variant.config, name) for name in OPEN}
    assert found.inference.config.replace(**told) == variant.config


@pytest.mark.slow
@pytest.mark.parametrize("size", ["tiny", "small", "base"])
def test_real_sizes_equal_timm(size):
    """The bar for depth 12 at 224 pixels: torch differs from itself by 1.4e-6."""
    config = PRESETS[f"vit_{size}_patch16_224"].config
    reference = randomise(
        VisionTransformer(embed_dim=config.embed_dim, num_heads=config.num_heads), 2
    )
    params = make_plan(TIMM, config).to_ours(tensors_of(reference))
    images = random_images(config)
    model = bind(config, params)
    report = parity(model, reference, images, tolerance=1e-5)
    assert report.ok, str(report)
    assert {"blocks.11", "logits"} <= {stage.stage for stage in report.stages}
    assert unbind(model).keys() == params.keys()
