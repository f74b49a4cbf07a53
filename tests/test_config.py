import re

import pytest

from vit_jax.architecture_rules import find_faults
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


def test_tokens_stand_before_and_behind_the_patches():
    config = ViTConfig(num_registers=4, class_token="last")
    assert (config.num_prefix, config.num_tokens) == (4, 201)
    counts = {"all": 201, "class": 197, "patches": 196}
    for position_on, count in counts.items():
        assert config.replace(position_on=position_on).num_positions == count


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embed_dim": 100}, "embed_dim=100 does not divide into num_heads=12"),
        ({"image_size": 225}, "image_size=225 is not a multiple of patch_size=16"),
        ({"depth": 0}, "depth=0 is not a positive number"),
        ({"dropout": 1.0}, "dropout=1.0 is no rate"),
        ({"drop_path_mode": "constant"}, "does nothing without drop_path"),
        ({"norm_eps": 0.0}, "norm_eps=0.0 is not positive"),
        ({"class_token": "none"}, "pool='cls' needs a class token"),
        ({"distill_token": True, "pool": "mean"}, "distill_token=True averages"),
        ({"attention": "cudnn"}, "attention='cudnn' takes bfloat16"),
        ({"num_classes": -1}, "num_classes=-1 is negative"),
        ({"rope_grid": (0, 4)}, "rope_grid=0 is not a positive number"),
        ({"num_registers": -1}, "num_registers=-1 is negative"),
        ({"rope_temperature": 0.0}, "rope_temperature=0.0 is not positive"),
        ({"image_size": 8, "drop_remainder": True}, "is smaller than patch_size=16"),
        (
            {"class_token": "last", "distill_token": True},
            "it needs class_token='first' and pool='cls'",
        ),
        ({"num_kv_heads": (5,) * 12}, "a divisor of num_heads=12"),
        ({"num_kv_heads": (6, 6)}, "each of the depth=12 blocks"),
        ({"attn_proj": False, "head_dim": 8}, "96 channels to tokens of embed_dim=768"),
        ({"differential": True, "rope": "axial"}, "neither num_kv_heads nor rope"),
        ({"position_rows": 5}, "at least one row for each of the 197 positions"),
        ({"position": "none", "position_rows": 500}, "length of a learned table"),
        ({"position": "sincos2d"}, "needs position_on='patches'"),
        ({"rope": "axial", "head_dim": 6}, "6 is not a multiple of 4"),
        ({"rope": "mixed", "rope_pairs": "halves"}, "needs rope_pairs='interleaved'"),
        ({"rope": "centred", "rope_offset": 1.0}, "belong to rope='axial'"),
        ({"relative_position_bias": True, "num_registers": 1}, "and no other token"),
        ({"num_branches": 2, "block": "post"}, "needs block='pre', not 'post'"),
        ({"block": "parallel", "layer_scale_on": "attn"}, "one attention before one"),
        ({"attend_over": "batch", "rope": "axial"}, "knows no places of tokens"),
        ({"pool": "token", "pool_token": 197}, "pool_token=197: there are 197 tokens"),
        ({"pool": "map", "pool_heads": 7}, "into 7 heads: choose pool_heads"),
        (
            {"scan_layers": True, "differential": True},
            "num_kv_heads and differential make each block another",
        ),
        ({"embedim": 3}, "'embedim' is no field of ViTConfig. Perhaps you meant embed"),
    ],
)
def test_what_is_no_vit_is_refused_with_a_reason(changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        ViTConfig().replace(**changes)


def test_a_choice_that_is_no_option_is_refused_with_the_nearest():
    config = ViTConfig()
    # The checker of types would refuse it here before we do.
    object.__setattr__(config, "block", "pots")
    assert find_faults(config) == [
        "block='pots' is none of 'pre', 'post', 'res_post', 'pre_normed_residual',"
        " 'parallel'. Perhaps you meant post."
    ]


def test_all_faults_are_told_at_once():
    with pytest.raises(InputError, match=r"(?s)image_size=225.*embed_dim=100"):
        ViTConfig(image_size=225, embed_dim=100)
