import json

import numpy as np
import pytest

import vit_jax
from tests.models import TINY, random_model, random_params
from vit_jax.cli import main
from vit_jax.pixels import half
from vit_jax.release import Release, save_release
from vit_jax.weights.files import write_tensors
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.recognise.inspect import inspect

WIDE = TINY.replace(embed_dim=128, image_size=16)


@pytest.fixture
def file(tmp_path):
    vit_jax.save(random_model(WIDE), tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors"


def write(path, tensors):
    write_tensors(path, tensors)
    return path


def tensors_of(config, layout):
    return make_plan(find_layout(layout), config).to_theirs(random_params(config))


def test_a_file_is_told_with_what_is_guessed(file):
    found = inspect(file)
    assert (found.layout, found.config) == ("timm", WIDE)
    assert found.guessed["num_heads"] == 2
    assert "norm_eps" in found.guessed
    assert found.dtypes == {"float32": 32}
    assert not found.faults
    assert found.num_parameters == sum(p.size for p in random_params(WIDE).values())


def test_what_was_given_is_no_guess(file):
    found = inspect(file, num_heads=4, norm_eps=1e-5)
    assert found.config
    assert (found.config.num_heads, found.config.norm_eps) == (4, 1e-5)
    assert not {"num_heads", "norm_eps"} & found.guessed.keys()


def test_the_published_model_of_its_shapes_is_named(tmp_path):
    config = vit_jax.PRESETS["vit_large_patch14_dinov2"].config
    shapes = {m.theirs: m.shape for m in make_plan(find_layout("timm"), config).moves}
    tensors = {key: np.zeros(shape, np.int8) for key, shape in shapes.items()}
    found = inspect(write(tmp_path / "x.safetensors", tensors))
    assert found.presets[0] == "vit_large_patch14_dinov2"
    assert found.config == config
    assert found.dtypes == {"int8": len(tensors)}


def test_a_field_that_cannot_be_known_is_asked_for_by_name(tmp_path):
    vit_jax.save(random_model(TINY), tmp_path / "x.safetensors")
    found = inspect(tmp_path / "x.safetensors")
    assert found.config is None
    assert found.layout == "timm"
    assert found.told["embed_dim"] == 16
    assert "give num_heads (--num-heads)" in found.unknown


def test_what_does_not_fit_is_listed(tmp_path):
    tensors = tensors_of(WIDE, "timm")
    del tensors["blocks.1.mlp.fc1.bias"]
    found = inspect(
        write(
            tmp_path / "x.safetensors", {**tensors, "ema.decay": tensors["head.bias"]}
        )
    )
    assert found.faults == ("  missing  blocks.1.mlp.fc1.bias", "  unused   ema.decay")


def test_a_file_of_something_else_is_unknown(tmp_path):
    found = inspect(write(tmp_path / "x.npz", {"conv1.weight": np.ones((2, 2))}))
    assert found.layout is None
    assert "conv1.weight" in found.unknown


def test_what_stands_beside_the_weights_is_counted(tmp_path):
    config = WIDE.replace(num_registers=2, position_on="class", num_classes=0)
    found = inspect(write(tmp_path / "x.npz", tensors_of(config, "dinov2")))
    assert found.layout == "dinov2"
    assert found.extras == ("mask_token (1 tensors)",)


def test_a_folder_of_ours_is_told(tmp_path):
    release = Release(
        config=TINY, params=random_params(TINY), pixels=half(1), class_names=()
    )
    save_release(tmp_path / "model", release)
    found = inspect(tmp_path / "model")
    assert found.config == TINY
    assert "a folder of ours" in str(found)


def test_the_command_prints_lines_or_json(file, capsys):
    assert main(["inspect", str(file)]) == 0
    assert "layout      timm" in capsys.readouterr().out
    assert main(["inspect", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"]["depth"] == 2


def test_the_command_fails_where_a_file_is_no_whole_model(tmp_path, capsys):
    write(tmp_path / "x.npz", {"conv1.weight": np.ones((2, 2))})
    assert main(["inspect", str(tmp_path / "x.npz")]) == 1
    assert main(["inspect", str(tmp_path / "none.npz")]) == 2
    assert "there is no file" in capsys.readouterr().err
