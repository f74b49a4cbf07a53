"""Lengths in steps, epochs and examples."""

import dataclasses
import math
import re

import numpy as np
import pytest

from tests.train.recipe import get_config
from vit_jax.cli import main
from vit_jax.errors import InputError
from vit_jax.train.config import OptimConfig, RunConfig, TrainConfig
from vit_jax.train.initial import count_steps
from vit_jax.train.lengths import Timed, are_steps, drop_flagged, to_steps
from vit_jax.train.workdir import open_workdir, read_config


def count(*, run, optim=None, batch_size=10, num_images=105):
    timed = Timed(RunConfig(**run), OptimConfig(**(optim or {})))
    return to_steps(timed, batch_size=batch_size, num_images=num_images)


@pytest.mark.parametrize(
    ("said", "steps"),
    [
        ({"steps": 7}, 7),
        ({"epochs": 1.0}, 10),  # whole steps only
        ({"epochs": 2.0}, 21),  # of all epochs together
        ({"epochs": 0.2}, 2),
        ({"epochs": 20 / 105}, 2),  # 20 images, though 20 / 105 is rounded
        ({"examples": 1059}, 105),
    ],
)
def test_a_length_is_the_whole_steps_that_fit_into_it(said, steps):
    run, _ = count(run=said)
    assert run == RunConfig(steps=steps)


def test_warm_up_and_cool_down_are_lengths_too():
    said = {"schedule": "rsqrt", "warmup_epochs": 2.0, "cooldown_examples": 35}
    _, optim = count(run={"steps": 100}, optim=said)
    assert optim == OptimConfig(schedule="rsqrt", warmup_steps=21, cooldown_steps=3)


def test_what_is_counted_is_steps():
    said = Timed(RunConfig(epochs=3.0), OptimConfig(warmup_examples=20))
    assert not are_steps(said)
    assert not are_steps(Timed(RunConfig(steps=3), said.optim))
    assert not are_steps(Timed(RunConfig(), OptimConfig()))
    assert are_steps(to_steps(said, batch_size=10, num_images=100))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"run": RunConfig(steps=3, epochs=2.0)},
            "run.steps=3 and run.epochs=2.0 say one length: set the others to 0",
        ),
        (
            {"optim": OptimConfig(warmup_epochs=1.0, warmup_examples=5)},
            "optim.warmup_epochs=1.0 and optim.warmup_examples=5 say one length",
        ),
        ({"run": RunConfig(epochs=-1.0)}, "run.epochs=-1.0; a length is positive"),
        ({"run": RunConfig(epochs=math.inf)}, "run.epochs=inf; a length is positive"),
        ({"run": RunConfig(epochs=math.nan)}, "run.epochs=nan; a length is positive"),
        (
            {"optim": OptimConfig(cooldown_epochs=1.0)},
            "optim.cooldown_epochs=1.0 does nothing with schedule='cosine'",
        ),
    ],
)
def test_lengths_that_contradict_each_other_are_refused(parts, message):
    with pytest.raises(InputError, match=re.escape(message)):
        TrainConfig(**parts)


def test_less_than_a_step_is_refused():
    with pytest.raises(InputError, match=re.escape("run.epochs=0.09 of 105 images")):
        count(run={"epochs": 0.09})
    with pytest.raises(InputError, match=r"optim\.warmup_examples=9 is less than"):
        count(run={"steps": 5}, optim={"warmup_examples": 9})


def test_a_warm_up_longer_than_the_run_is_refused_once_both_are_steps():
    run, optim = RunConfig(epochs=1.0), OptimConfig(warmup_epochs=2.0)
    said = dataclasses.replace(get_config(), run=run, optim=optim)
    with pytest.raises(InputError, match=r"warmup_steps=89 does not lie within"):
        count_steps(said)


def test_an_epoch_is_the_training_split(tmp_path):
    images = np.zeros((30, 8, 8, 1), np.uint8)
    labels = np.arange(30) % 10
    few = {"x_val": images[:10], "y_val": labels[:10]}
    np.savez(tmp_path / "some.npz", x_train=images, y_train=labels, **few)
    one = get_config()
    data = dataclasses.replace(
        one.data, source=str(tmp_path / "some.npz"), batch_size=5
    )
    run = dataclasses.replace(one.run, steps=0, epochs=4.0)
    config = dataclasses.replace(one, data=data, run=run)
    assert count_steps(config).run == dataclasses.replace(run, steps=24, epochs=0)
    part = dataclasses.replace(data, train_split="val")
    assert count_steps(dataclasses.replace(config, data=part)).run.steps == 8


def test_a_flag_takes_the_place_of_a_recipes_length_in_any_unit():
    recipe = Timed(RunConfig(epochs=90.0), OptimConfig(warmup_steps=500))
    for flag in ("--run.steps=3", "--run.epochs", "--run.examples"):
        assert drop_flagged(recipe, [flag, "3"]) == (RunConfig(), recipe.optim)
    flags = ["--optim.warmup-epochs", "5", "--run.save-every-steps", "5"]
    assert drop_flagged(recipe, flags) == (recipe.run, OptimConfig())
    assert drop_flagged(recipe, ["--run.seed", "1"]) == recipe


def test_a_run_is_told_in_epochs_and_goes_on_in_steps(tmp_path):
    config = count_steps(
        dataclasses.replace(get_config(), run=RunConfig(epochs=2.0, workdir=tmp_path))
    )
    open_workdir(config)
    assert read_config(tmp_path).run.steps == config.run.steps
    same = dataclasses.replace(config.run, steps=0, examples=config.run.steps * 32)
    open_workdir(count_steps(dataclasses.replace(config, run=same)))


def test_two_lengths_from_the_command_line_are_refused(capsys, tmp_path):
    recipe = "tests/train/recipe.py"
    flags = ["--run.workdir", str(tmp_path), "--run.steps", "4", "--run.epochs", "1"]
    with pytest.raises(SystemExit, match="2"):
        main(["train", recipe, *flags])
    assert "run.steps=4 and run.epochs=1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_recipe_without_a_length_is_refused(capsys, tmp_path):
    recipe, workdir = "tests/train/recipe.py", str(tmp_path / "run")
    assert main(["train", recipe, "--run.steps", "0", "--run.workdir", workdir]) == 2
    assert "the run has no length: give --run.steps" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
