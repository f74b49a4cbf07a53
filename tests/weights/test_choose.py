import pytest

import vit_jax
from tests.models import TINY, random_model
from vit_jax.errors import InputWarning
from vit_jax.presets import PRESETS
from vit_jax.weights.choose import find_caveats
from vit_jax.weights.faults import ConversionError
from vit_jax.weights.layouts import find_layout


@pytest.mark.parametrize(
    "name",
    ["vit_base_patch16_224", "vit_small_patch16_dinov3", "beit_base_patch16_224"],
)
def test_a_published_model_has_no_caveats_in_its_own_layout(name):
    preset = PRESETS[name]
    assert not find_caveats(find_layout(preset.layout), preset.config)


def test_what_timm_computes_otherwise_is_told():
    config = PRESETS["vit_base_patch16_224"].config.replace(norm_eps=1e-12)
    found = find_caveats(find_layout("timm"), config)
    assert found == ["norm_eps=1e-06 (this model: 1e-12)"]


def test_what_cannot_matter_is_not_told():
    config = TINY.replace(norm_eps=1e-5, pool_prefix=False)
    assert not find_caveats(find_layout("lucidrains_2021_03_29"), config)


def test_saving_for_code_that_computes_otherwise_warns(tmp_path):
    model = random_model(TINY.replace(activation="relu"))
    with pytest.warns(InputWarning, match=r"torchvision's files computes.*'gelu'"):
        vit_jax.save(model, tmp_path / "x.npz", layout="torchvision")


def test_what_timm_has_no_code_for_is_refused(tmp_path):
    config = TINY.replace(num_registers=2, position_on="class")
    with pytest.raises(ConversionError, match="position_on='class': its code cannot"):
        vit_jax.save(random_model(config), tmp_path / "x.npz", layout="timm")
    assert not list(tmp_path.iterdir())
