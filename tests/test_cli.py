"""What a user types, and what a user types wrong: one message, exit code 2."""

import dataclasses
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import vit_jax
from tests.models import TINY, random_model, random_params
from tests.train.recipe import get_config
from vit_jax.cli import COMMANDS, main
from vit_jax.data.sources import Digits
from vit_jax.release import Release, save_release
from vit_jax.train.workdir import open_workdir
from vit_jax.weights.files import read_tensors

RECIPE = "tests/train/recipe.py"


def run(capsys, *args):
    """Returns the exit code and what was told, on either stream."""
    try:
        code = main([str(arg) for arg in args])
    except SystemExit as end:  # tyro's, for --help and flags that it does not know
        code = end.code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


@pytest.fixture
def workdir(tmp_path):
    """A folder as a finished run leaves it, with an untrained model."""
    folder = tmp_path / "run"
    config = get_config()
    run_config = dataclasses.replace(config.run, workdir=folder)
    open_workdir(dataclasses.replace(config, run=run_config))
    source = Digits("test")
    save_release(
        folder / "model",
        Release(
            config=TINY,
            params=random_params(TINY),
            pixels=source.pixels,
            class_names=source.class_names,
        ),
    )
    return folder


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "digit.png"
    Image.fromarray(Digits("test")[0]["image"][:, :, 0]).save(path)
    return path


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "tiny.safetensors"
    vit_jax.save(random_model(TINY), path)
    return path


def test_help_lists_every_command(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(f"  {name} " in out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert f"vit-jax {command}" in out


def test_the_help_of_a_recipe_shows_its_values(capsys):
    code, out, _ = run(capsys, "train", RECIPE, "--help")
    assert code == 0
    assert "--optim.learning-rate" in out
    assert "(default: 0.01)" in out


def test_evaluate_counts_every_image_of_the_split(capsys, workdir):
    code, out, _ = run(capsys, "evaluate", workdir)
    assert code == 0
    assert "of 360 images)" in out
    assert out.startswith("held-out accuracy ")
    _, out, _ = run(
        capsys, "evaluate", workdir, "--split", "train", "--batch-size", "7"
    )
    assert "of 1437 images)" in out


def test_predict_tells_names_and_probabilities(capsys, workdir, image):
    code, out, _ = run(capsys, "predict", workdir, image, image, "--top", "2")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{image}: ")
    assert lines[0].count("%") == 2


def test_convert_goes_there_and_back(capsys, tmp_path, weights):
    code, out, _ = run(capsys, "convert", weights, tmp_path / "m", "--num-heads", "2")
    assert code == 0
    assert "num_heads 2" in out
    code, _, _ = run(capsys, "convert", tmp_path / "m", tmp_path / "x.safetensors")
    assert code == 0
    assert (tmp_path / "x.safetensors").read_bytes() == weights.read_bytes()


def test_convert_tells_what_it_guessed(capsys, tmp_path, weights):
    _, _, err = run(capsys, "convert", weights, tmp_path / "m", "--num-heads", "2")
    assert "note:" in err
    assert "do not tell norm_eps=1e-06" in err


def test_presets_lists_them(capsys):
    code, out, _ = run(capsys, "presets")
    assert code == 0
    assert len(out.splitlines()) == 1 + len(vit_jax.PRESETS)
    code, out, _ = run(capsys, "presets", "siglip_gap")
    assert len(out.splitlines()) == 1 + 18


def test_presets_tells_all_of_one_model(capsys):
    code, out, _ = run(capsys, "presets", "vit_tiny_patch16_384")
    assert code == 0
    assert out.splitlines()[0] == "vit_tiny_patch16_384: 5,790,376 parameters"
    assert "  num_heads = 3" in out.splitlines()
    assert not any("depth" in line for line in out.splitlines())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "usage: vit-jax"),
        (["trian", RECIPE], "no command 'trian'. Perhaps you meant train."),
        (["train"], "name a recipe"),
        (["train", "configs/digit.py"], "no recipe configs/digit.py. Recipes here:"),
        (["train", RECIPE, "--optim.learnin-rate", "1"], "--optim.learning-rate"),
        (["train", RECIPE, "--run.steps", "many"], "many"),
        (
            ["train", RECIPE, "--model.num-heads", "5"],
            "does not divide into num_heads=5",
        ),
        (["train", RECIPE, "--model.image-size", "16"], "has images of (8, 8, 1)"),
        (["evaluate", "nowhere"], "nowhere is no run's folder"),
        (["evaluate", "nowhere", "--batch-size", "0"], "--batch-size 0"),
        (["predict", "nowhere"], "name at least one image file"),
        (["predict", "nowhere", "x.png"], "holds no model"),
        (["convert", "x.pth", "y.safetensors"], "there is no file x.pth"),
        (["convert", "README.md", "y.safetensors"], "suffix '.md'"),
        (["convert", "x.pth", "y.onnx"], "suffix '.onnx'"),
    ],
)
def test_wrong_words_get_one_message(capsys, args, message):
    code, out, err = run(capsys, *args)
    assert code == 2
    assert message in out + err


def test_an_image_that_is_none_is_told(capsys, workdir, image):
    image.write_bytes(b"not an image")
    code, _, err = run(capsys, "predict", workdir, image)
    assert code == 2
    assert "digit.png cannot be read as an image" in err


def test_a_model_cut_in_half_is_told(capsys, workdir, image):
    for path in (workdir / "model/params/d").iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, _, err = run(capsys, "predict", workdir, image)
    assert code == 2
    assert "is damaged: params/d/" in err
    assert len(err.splitlines()) == 1


def test_weights_of_another_depth_are_told_and_nothing_is_written(
    capsys, tmp_path, weights
):
    preset = ["--preset", "vit_tiny_patch16_224"]
    code, _, err = run(capsys, "convert", weights, tmp_path / "x.safetensors", *preset)
    assert code == 2
    assert "does not fit the timm layout" in err
    assert "depth=2 (asked for 12)" in err
    assert not (tmp_path / "x.safetensors").exists()


def test_a_workdir_that_holds_another_model_is_told(capsys, workdir):
    deeper = ["--run.workdir", workdir, "--model.depth", "2"]
    code, _, err = run(capsys, "train", RECIPE, *deeper)
    assert code == 2
    assert "holds another run" in err
    assert "model.depth: 1 and 2" in err


def test_a_target_that_exists_is_replaced_whole(capsys, tmp_path, weights):
    target = tmp_path / "x.safetensors"
    shutil.copy(weights, target)
    target.write_bytes(b"old")
    code, _, _ = run(capsys, "convert", weights, target, "--num-heads", "2")
    assert code == 0
    tensors = read_tensors(target)
    assert np.array_equal(tensors["norm.bias"], random_params(TINY)["norm.bias"])


def test_the_commands_are_known_without_numpy():
    """A heavy import in a commands' file triples the time that `--help` takes."""
    code = "import sys, vit_jax.cli; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
