"""Every recipe is a recipe: it runs shrunk, resumes, and says what it is."""

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.models import TINY, random_params
from vit_jax.data.prepare import prepare
from vit_jax.data.sources import Arrays
from vit_jax.data.sources.find import each_split
from vit_jax.pixels import half
from vit_jax.release import Release, save_release
from vit_jax.train.config import load_recipe
from vit_jax.train.init_config import REQUIRED
from vit_jax.train.initial import find_start
from vit_jax.train.loop import train
from vit_jax.train.report import read_metrics
from vit_jax.train.run import open_inputs

RECIPES = sorted((Path(__file__).parent.parent / "configs").glob("*.py"))
each_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


@each_recipe
def test_a_recipe_says_command_data_hardware_time_and_expected_number(path):
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert f"python train.py configs/{path.name}" in text
    for word in ("Data:", "Hardware and time:", "Expected:"):
        assert word in text


# The shapes of the data sets that recipes name; their images are noise here.
SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
HALF = "half.npz"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Stands for the data sets that recipes name: forty images each, ten classes."""
    folder = tmp_path_factory.mktemp("tfds")
    rng = np.random.default_rng(0)
    for name, shape in SHAPES.items():
        for split in ("train", "test"):
            images = rng.integers(256, size=(40, *shape), dtype=np.uint8)
            arrays = {f"x_{split}": images, f"y_{split}": np.arange(40) % 10}
            path = folder / f"{name}.npz"
            kept = dict(np.load(path)) if path.exists() else {}
            np.savez(path, **kept, **arrays)
        prepare(each_split(Arrays(folder / f"{name}.npz")), folder / name)
    five = {f"x_{split}": images for split in ("train", "test")}
    five |= {f"y_{split}": np.arange(40) % 5 for split in ("train", "test")}
    np.savez(folder / HALF, **five)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Stands for the weights that recipes begin with: of another head, and grey."""
    folder = tmp_path_factory.mktemp("weights") / "model"
    model = TINY.replace(num_classes=3)
    release = Release(
        config=model, params=random_params(model), pixels=half(1), class_names=()
    )
    save_release(folder, release)
    return folder


@pytest.fixture
def load(data_dir, weights):
    """Returns what loads a recipe with the stand-ins for what it names."""

    def load(path):
        config = load_recipe(path)
        init, data = config.init, config.data
        if init.weights == REQUIRED:
            init = dataclasses.replace(init, weights=str(weights), new_head=True)
        source = str(data_dir / HALF) if data.source == HALF else data.source
        data = dataclasses.replace(
            data, source=source, data_dir=data_dir, in_memory=False
        )
        return dataclasses.replace(config, init=init, data=data)

    return load


@each_recipe
def test_a_recipes_model_fits_its_images(path, load):
    config = find_start(load(path)).config
    open_inputs(config)  # raises where they do not fit


@each_recipe
def test_a_recipe_takes_two_steps_shrunk_and_resumes(path, load, tmp_path, capsys):
    config = load(path)
    small = config.model
    if config.init.weights is None:
        small = small.replace(depth=1, embed_dim=16, num_heads=2, mlp_dim=16)
    data = dataclasses.replace(config.data, batch_size=4, eval_batch_size=20)
    run = dataclasses.replace(
        config.run, workdir=tmp_path, steps=2, save_every_steps=1, log_every_steps=1
    )
    optim = dataclasses.replace(config.optim, warmup_steps=1)
    config = dataclasses.replace(config, model=small, data=data, run=run, optim=optim)
    train(config)
    for name in ("model", "checkpoints/2"):
        (tmp_path / name).rename(tmp_path / name.replace("/", "-"))
    train(config)
    assert "resumed at step 1/2" in capsys.readouterr().out
    steps = [line["step"] for line in read_metrics(tmp_path) if "train/loss" in line]
    assert steps == [1, 2]
