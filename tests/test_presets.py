import math

import pytest

from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.presets import PRESETS, find_preset

# Parameters as timm counts them, for 1,000 classes.
COUNTS = {
    "vit_tiny_patch16_224": 5_717_416,
    "vit_small_patch32_224": 22_878_952,
    "vit_base_patch16_224": 86_567_656,
    "deit_base_distilled_patch16_224": 87_338_192,
    "deit3_small_patch16_224": 22_059_496,
    "vit_large_patch16_224": 304_326_632,
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_preset_has_as_many_parameters_as_timms_model(name):
    shapes = param_shapes(PRESETS[name].config)
    assert sum(math.prod(shape) for shape in shapes.values()) == COUNTS[name]


def test_a_preset_says_its_size_in_its_name():
    for name, preset in PRESETS.items():
        assert name.endswith(
            f"patch{preset.config.patch_size}_{preset.config.image_size}"
        )


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(InputError, match="Perhaps you meant vit_base_patch16_224"):
        find_preset("vit_base_patch_16_224")
