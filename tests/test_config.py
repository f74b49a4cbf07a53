import re

import pytest

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError


def test_the_default_is_vit_b16():
    config = ViTConfig()
    assert config.grid == (14, 14)
    assert config.num_positions == 197
    assert config.dim_per_head == 64


def test_a_square_pair_equals_one_number():
    assert ViTConfig(image_size=(224, 224)) == ViTConfig(image_size=224)


def test_images_and_patches_need_not_be_square():
    config = ViTConfig(image_size=(64, 96), patch_size=(16, 8))
    assert config.grid == (4, 12)
    assert config.image_shape == (64, 96, 3)


def test_positions_on_patches_only_have_no_prefix_rows():
    config = ViTConfig(distill_token=True)
    assert config.num_positions == 198
    assert config.replace(position_on="patches").num_positions == 196


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embed_dim": 100}, "embed_dim=100 does not divide into num_heads=12"),
        ({"image_size": 225}, "image_size=225 is not a multiple of patch_size=16"),
        ({"depth": 0}, "depth=0 is not a positive number"),
        ({"dropout": 1.0}, "dropout=1.0 is no rate"),
        ({"norm_eps": 0.0}, "norm_eps=0.0 is not positive"),
        ({"class_token": "none"}, "pool='cls' needs a class token"),
        ({"distill_token": True, "pool": "mean"}, "distill_token=True averages"),
        ({"attention": "cudnn"}, "attention='cudnn' takes bfloat16"),
        ({"num_classes": -1}, "num_classes=-1 is negative"),
        ({"embedim": 3}, "'embedim' is no field of ViTConfig. Perhaps you meant embed"),
    ],
)
def test_what_is_no_vit_is_refused_with_a_reason(changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        ViTConfig().replace(**changes)


def test_all_faults_are_told_at_once():
    with pytest.raises(InputError, match=r"(?s)image_size=225.*embed_dim=100"):
        ViTConfig(image_size=225, embed_dim=100)
