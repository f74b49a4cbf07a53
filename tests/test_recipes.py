"""Every recipe is a recipe: it runs shrunk, resumes, and says what it is."""

import ast
import dataclasses
from pathlib import Path

import pytest

from vit_jax.evaluate import check_fits
from vit_jax.train.config import load_recipe
from vit_jax.train.loop import train
from vit_jax.train.report import read_metrics

RECIPES = sorted((Path(__file__).parent.parent / "configs").glob("*.py"))
each_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


@each_recipe
def test_a_recipe_says_command_data_hardware_time_and_expected_number(path):
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert f"python train.py configs/{path.name}" in text
    for word in ("Data:", "Hardware and time:", "Expected:"):
        assert word in text


@each_recipe
def test_a_recipes_model_fits_its_images(path):
    config = load_recipe(path)
    check_fits(config.model, config.data.train)
    check_fits(config.model, config.data.eval)


@each_recipe
def test_a_recipe_takes_two_steps_shrunk_and_resumes(path, tmp_path, capsys):
    config = load_recipe(path)
    small = config.model.replace(depth=1, embed_dim=16, num_heads=2, mlp_dim=16)
    data = dataclasses.replace(config.data, batch_size=4, eval_batch_size=180)
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
