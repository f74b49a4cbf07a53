import math
import re

import pytest

from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.pixels import CLIP, HALF, IMAGENET, UNIT, half
from vit_jax.presets import PRESETS, find_preset
from vit_jax.published import FAMILIES, MODELS, NOTEBOOKS, SIZES

# Parameters as timm counts them, for 1,000 classes.
COUNTS = {
    "vit_tiny_patch16_224": 5_717_416,
    "vit_small_patch32_224": 22_878_952,
    "vit_base_patch16_224": 86_567_656,
    "deit_base_distilled_patch16_224": 87_338_192,
    "deit3_small_patch16_224": 22_059_496,
    "vit_large_patch16_224": 304_326_632,
}

# timm 1.0.31: vision_transformer 163, deit 16, eva 65, beit 7.
NUM_TIMM = 251


@pytest.mark.parametrize("name", COUNTS)
def test_a_preset_has_as_many_parameters_as_timms_model(name):
    shapes = param_shapes(PRESETS[name].config)
    assert sum(math.prod(shape) for shape in shapes.values()) == COUNTS[name]


def test_every_vit_of_timm_and_every_notebook_has_a_preset():
    assert len(PRESETS) == NUM_TIMM + len(NOTEBOOKS)
    assert all(preset.name == name for name, preset in PRESETS.items())


def test_no_two_rows_make_the_same_name():
    names = [
        (row.name.format(size=size), image)
        for row in MODELS
        for size in row.sizes.split()
        for image in row.image_sizes or (None,)
    ]
    assert len(names) == len(set(names)) == NUM_TIMM


def test_a_preset_says_its_patch_size_in_its_name():
    for row in MODELS:
        assert "patch" in row.name or row.name.startswith(("flexivit_", "test_vit"))
    for name, preset in PRESETS.items():
        patch = re.search(r"patch(\d+)", name)
        if patch:
            assert preset.config.patch_size == int(patch[1]), name


def test_an_image_size_in_a_name_is_the_configs():
    for name, preset in PRESETS.items():
        image = re.search(r"_(\d{3})(_miil)?$", name)
        if image:
            assert preset.config.image_size == int(image[1]), name


def test_every_preset_names_known_pixel_statistics_for_its_channels():
    for preset in PRESETS.values():
        assert preset.pixels in (IMAGENET, HALF, UNIT, CLIP, half(1)), preset.name
        assert len(preset.pixels.mean) == preset.config.in_channels, preset.name


def test_every_preset_names_its_layout_and_its_source():
    number = r"\d{4}\.\d{5}"
    papers = rf"arXiv:{number}(, {number})*"
    source = rf"({papers}|timm( \(.+\))?(, {papers})?|notebook \d{{3}})"
    for preset in PRESETS.values():
        assert re.fullmatch(source, preset.source), preset.source
        assert re.fullmatch(r"[a-z0-9_]+", preset.layout), preset.layout


def test_every_family_and_every_size_is_used():
    assert {row.family for row in MODELS} == set(FAMILIES)
    used = {(row.family, size) for row in MODELS for size in row.sizes.split()}
    own = {(name, size) for name in FAMILIES for size in FAMILIES[name].sizes}
    assert {size for _, size in used - own} == set(SIZES)
    assert {name for name, _ in used & own} == {name for name, _ in own}


def test_notebooks_come_in_pairs_that_differ():
    names = [notebook.name for notebook in NOTEBOOKS]
    numbers = sorted({name[: len("notebook_000")] for name in names})
    assert numbers == [f"notebook_{number:03}" for number in range(5)]
    for number in numbers:
        literal = PRESETS[f"{number}_literal"]
        intended = PRESETS[f"{number}_intended"]
        assert literal.config != intended.config
        assert (literal.layout, literal.source) == (intended.layout, intended.source)
        assert literal.source == number.replace("_", " ")


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(InputError, match="Perhaps you meant vit_base_patch16_224"):
        find_preset("vit_base_patch_16_224")
