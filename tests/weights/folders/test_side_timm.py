"""timm's config.json and open_clip's open_clip_config.json."""

import pytest

from tests.weights.folders.test_side_files import fields_of, folder, write
from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.pixels import CLIP, IMAGENET
from vit_jax.presets import PRESETS
from vit_jax.weights.folders.read import read_side_files

__all__ = ["folder"]  # a fixture


def test_timms_config_names_a_published_model(folder):
    values = {
        "architecture": "vit_base_patch16_224",
        "num_classes": 3,
        "global_pool": "token",
        "label_names": ["ant", "bee", "cat"],
        "pretrained_cfg": {"mean": IMAGENET.mean, "std": IMAGENET.std},
    }
    write(folder, values)
    side = read_side_files(folder)
    expected = PRESETS["vit_base_patch16_224"].config.replace(num_classes=3)
    assert ViTConfig(**side.fields) == expected
    assert side.pixels == IMAGENET
    assert side.class_names == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"global_pool": "avg"}, {"pool": "mean", "norm_after_pool": True}),
        ({"model_args": {"global_pool": "avg"}}, {"final_norm": False}),
        ({"model_args": {"img_size": [32, 48]}}, {"image_size": (32, 48)}),
        ({"model_args": {"embed_dim": 96, "depth": 2}}, {"mlp_dim": 384, "depth": 2}),
        ({"model_args": {"mlp_ratio": 2}}, {"mlp_dim": 1536}),
        ({"model_args": {"init_values": 1e-5, "qk_norm": True}}, {"qk_norm": True}),
        ({"model_args": {"reg_tokens": 4, "drop_rate": 0.1}}, {"num_registers": 4}),
        (
            {"pretrained_cfg": {"input_size": [1, 32, 48], "fixed_input_size": True}},
            {"image_size": (32, 48), "in_channels": 1},
        ),
    ],
)
def test_timms_arguments_change_the_model(changes, expected, folder):
    fields = fields_of(folder, {"architecture": "vit_base_patch16_224", **changes})
    assert {name: fields[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"architecture": "vit_base_patch16_225"}, "Perhaps you meant"),
        ({"architecture": "resnet50"}, "no ViT that is known"),
        ({"model_args": {"norm_layer": "rms"}}, r"model_args\.norm_layer='rms'"),
        ({"model_args": {"depth": "deep"}}, r"model_args\.depth='deep'"),
        ({"label_names": {"0": "ant"}}, "label_names"),
    ],
)
def test_what_timms_config_should_not_hold_is_told(changes, told, folder):
    with pytest.raises(InputError, match=told):
        fields_of(folder, {"architecture": "vit_base_patch16_224", **changes})


# open_clip


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            {"quick_gelu": True, "vision_cfg": {"width": 96, "head_width": 48}},
            {"num_heads": 2, "mlp_dim": 384, "activation": "quick_gelu"},
        ),
        (
            {"vision_cfg": {"layers": 3, "ls_init_value": 0.1, "image_size": 32}},
            {"depth": 3, "layer_scale": 0.1, "image_size": 32, "activation": "gelu"},
        ),
        (
            {"vision_cfg": {"timm_model_name": "vit_base_patch16_siglip_224"}},
            {"num_heads": 12, "class_token": "none"},
        ),
    ],
)
def test_fields_of_open_clips_config_are_read(model, expected, folder):
    values = {
        "model_cfg": model,
        "preprocess_cfg": {"mean": CLIP.mean, "std": CLIP.std},
    }
    fields = fields_of(folder, values, "open_clip_config.json")
    assert {name: fields[name] for name in expected} == expected
    assert read_side_files(folder).pixels == CLIP


def test_a_tower_of_open_clips_that_is_not_known_is_refused(folder):
    model = {"vision_cfg": {"attentional_pool": True}}
    with pytest.raises(InputError, match=r"model_cfg\.vision_cfg\.attentional_pool"):
        fields_of(folder, {"model_cfg": model}, "open_clip_config.json")
