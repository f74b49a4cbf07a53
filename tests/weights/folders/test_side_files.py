import json

import pytest

from tests.models import random_params
from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.pixels import CLIP, UNIT, Pixels
from vit_jax.weights.files import write_tensors
from vit_jax.weights.folders.read import read_side_files
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.read import read_release

VIT = {"model_type": "vit", "hidden_size": 32, "num_attention_heads": 4}
SMALL = ViTConfig(
    image_size=16,
    patch_size=8,
    embed_dim=32,
    depth=2,
    num_heads=4,
    mlp_dim=64,
    num_classes=3,
    norm_eps=1e-12,
)
OF_SMALL = {
    **VIT,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "image_size": 16,
    "patch_size": 8,
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.safetensors").touch()
    return tmp_path


def write(folder, values, name="config.json"):
    (folder / name).write_text(json.dumps(values))


def fields_of(folder, values, name="config.json"):
    write(folder, values, name)
    return read_side_files(folder).fields


# Which file


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["pytorch_model.bin", "model.safetensors"], "model.safetensors"),
        (["pytorch_model.bin", "flax_model.msgpack"], "pytorch_model.bin"),
        (
            ["model.safetensors.index.json", "a.safetensors"],
            "model.safetensors.index.json",
        ),
        (
            ["open_clip_model.safetensors", "pytorch_model.bin"],
            "open_clip_model.safetensors",
        ),
        (["weights.pth", "README.md"], "weights.pth"),
    ],
)
def test_a_folders_weights_are_those_of_the_usual_name(names, chosen, tmp_path):
    for name in names:
        (tmp_path / name).touch()
    assert read_side_files(tmp_path).weights == tmp_path / chosen


@pytest.mark.parametrize("names", [[], ["notes.txt"], ["a.pth", "b.safetensors"]])
def test_a_folder_without_one_lists_what_was_looked_for_and_found(names, tmp_path):
    for name in names:
        (tmp_path / name).touch()
    expected = ", ".join(names) or "nothing"
    with pytest.raises(InputError, match=rf"model\.safetensors.*{expected}"):
        read_side_files(tmp_path)


def test_files_beside_one_of_many_weights_files_do_not_count(tmp_path):
    write(tmp_path, VIT)
    for name in ("one.pth", "two.pth", "pytorch_model.bin"):
        (tmp_path / name).touch()
    assert read_side_files(tmp_path / "one.pth").fields == {}
    assert read_side_files(tmp_path / "pytorch_model.bin").fields["num_heads"] == 4
    missing = tmp_path / "none" / "three.pth"
    assert read_side_files(missing).weights == missing


# Hugging Face


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (VIT, {"num_heads": 4, "depth": 12, "norm_eps": 1e-12, "activation": "gelu"}),
        ({**VIT, "hidden_act": "gelu_new"}, {"activation": "gelu_tanh"}),
        ({**VIT, "hidden_act": "swish", "qkv_bias": False}, {"qkv_bias": "none"}),
        ({**VIT, "image_size": [32, 48]}, {"image_size": (32, 48)}),
        ({**VIT, "image_size": 30, "patch_size": 8}, {"drop_remainder": True}),
        ({"model_type": "deit"}, {"norm_eps": 1e-12, "image_size": 224}),
        ({"model_type": "vit_msn"}, {"norm_eps": 1e-6}),
        ({"model_type": "dinov2"}, {"patch_size": 14, "mlp_dim": 3072}),
        (
            {"model_type": "dinov2", "hidden_size": 1536, "use_swiglu_ffn": True},
            {"mlp": "gated", "mlp_dim": 4096, "activation": "silu"},
        ),
        ({"model_type": "dinov2_with_registers"}, {"num_registers": 4}),
        (
            {"model_type": "dinov3_vit", "key_bias": True, "query_bias": False},
            {"qkv_bias": "kv", "rope_temperature": 100.0, "norm_eps": 1e-5},
        ),
        (
            {"model_type": "clip", "vision_config": {"hidden_size": 64}},
            {"embed_dim": 64, "patch_size": 32, "activation": "quick_gelu"},
        ),
        ({"model_type": "siglip"}, {"activation": "gelu_tanh", "norm_eps": 1e-6}),
        ({"model_type": "siglip2", "vision_config": None}, {"image_size": 256}),
        ({"model_type": "beit"}, {"layer_scale": 0.1, "pool": "mean"}),
    ],
)
def test_fields_of_hugging_faces_config_are_read(values, expected, folder):
    fields = fields_of(folder, values)
    assert {name: fields[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({**VIT, "hidden_act": "mish"}, r"hidden_act='mish'; expected one of 'gelu',"),
        (
            {**VIT, "model_type": "swin"},
            r"model_type='swin'; expected one of vit, deit",
        ),
        ({**VIT, "hidden_size": "wide"}, r"hidden_size='wide'; expected a whole n"),
        ({**VIT, "num_hidden_layers": True}, r"num_hidden_layers=True"),
        ({**VIT, "image_size": [1, 2, 3]}, r"image_size=\[1, 2, 3\]"),
        ({**VIT, "id2label": {"a": "cat"}}, r"id2label=.*a name under each number"),
        (
            {"model_type": "clip", "vision_config": {"hidden_act": "mish"}},
            r"vision_config\.hidden_act='mish'",
        ),
        (
            {"model_type": "beit", "use_shared_relative_position_bias": True},
            r"use_shared_relative_position_bias=True; expected one of False",
        ),
    ],
)
def test_a_value_that_is_not_known_is_told_with_its_place(values, told, folder):
    with pytest.raises(InputError, match=rf"config\.json: {told}"):
        fields_of(folder, values)


@pytest.mark.parametrize("text", ["{", "[1]", "null", "\x00", "[" * 100_000])
def test_a_config_that_is_no_json_object_is_refused(text, folder):
    (folder / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json (is not JSON|holds a)"):
        read_side_files(folder)


def test_a_config_of_something_else_is_ignored(folder):
    assert fields_of(folder, {"learning_rate": 3e-4}) == {}


def test_class_names_are_those_that_were_given(folder):
    write(folder, {**VIT, "id2label": {"1": "bee", "0": "ant", "2": "cat"}})
    assert read_side_files(folder).class_names == ("ant", "bee", "cat")
    write(folder, {**VIT, "id2label": {"0": "LABEL_0", "1": "LABEL_1"}})
    assert read_side_files(folder).class_names == ()


@pytest.mark.parametrize(
    ("values", "pixels"),
    [
        ({"image_mean": CLIP.mean, "image_std": CLIP.std}, CLIP),
        ({"image_mean": [0.1], "image_std": [1]}, Pixels((0.1,), (1.0,))),
        ({"do_normalize": False}, UNIT),
        ({"size": 224}, None),
    ],
)
def test_pixels_are_those_of_the_preprocessor(values, pixels, folder):
    write(folder, {"image_processor": values}, "processor_config.json")
    assert read_side_files(folder).pixels == pixels
    write(folder, values, "preprocessor_config.json")
    assert read_side_files(folder).pixels == pixels


@pytest.mark.parametrize(
    "values", [{"image_mean": "half"}, {"rescale_factor": 1 / 127.5}]
)
def test_pixels_that_are_not_known_are_refused(values, folder):
    write(folder, values, "preprocessor_config.json")
    with pytest.raises(InputError, match=r"preprocessor_config\.json: "):
        read_side_files(folder)


def make_folder(folder, values, config=SMALL):
    plan = make_plan(find_layout("hf_vit_classifier"), config)
    tensors = plan.to_theirs(random_params(config))
    write_tensors(folder / "model.safetensors", tensors)
    write(folder, values)


def test_a_model_with_its_config_is_no_guess(folder):
    make_folder(folder, {**OF_SMALL, "hidden_act": "relu"})
    assert read_release(folder).config == SMALL.replace(activation="relu")
    beside = read_release(folder / "model.safetensors")
    assert beside.config == SMALL.replace(activation="relu")


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 48},
        {"num_hidden_layers": 3},
        {"intermediate_size": 128},
        {"image_size": 24},
        {"qkv_bias": False},
        {"patch_size": 4},
        {"num_attention_heads": 5},
    ],
)
def test_a_config_that_the_shapes_contradict_is_an_error(changes, folder):
    make_folder(folder, {**OF_SMALL, **changes})
    with pytest.raises(InputError):
        read_release(folder)
