import dataclasses
import re
from pathlib import Path

import pytest

from tests.train.recipe import get_config
from vit_jax.errors import InputError
from vit_jax.train.config import (
    DataConfig,
    OptimConfig,
    RunConfig,
    TrainConfig,
    differing_fields,
    load_recipe,
)


def test_a_recipe_is_a_file_with_get_config():
    assert load_recipe(Path(__file__).parent / "recipe.py") == get_config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "must define get_config"),
        ("get_config = dict", "must define get_config"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text, message):
    (tmp_path / "x.py").write_text(text)
    with pytest.raises(InputError, match=message):
        load_recipe(tmp_path / "x.py")


def test_a_recipe_that_is_not_there_names_those_that_are():
    with pytest.raises(
        InputError, match=r"no recipe configs/x\.py.*configs/digits\.py"
    ):
        load_recipe(Path("configs/x.py"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": DataConfig(batch_size=0)}, "data.batch_size=0; at least 1"),
        ({"data": DataConfig(repeats=0)}, "data.repeats=0; at least 1"),
        ({"data": DataConfig(repeats=3)}, "repeats images that nothing changes"),
        ({"run": RunConfig(steps=-1)}, "run.steps=-1; a length is positive"),
        ({"run": RunConfig(seed=-1)}, "run.seed=-1 is negative"),
        (
            {"optim": OptimConfig(warmup_steps=5000), "run": RunConfig(steps=1000)},
            "does not lie within run.steps=1000",
        ),
        ({"optim": OptimConfig(clip_norm=0.0)}, "optim.clip_norm=0.0; positive"),
        ({"optim": OptimConfig(beta2=1.0)}, "optim.beta2=1.0; from 0 to below 1"),
        ({"optim": OptimConfig(learning_rate=-1.0)}, "learning_rate=-1.0 is negative"),
    ],
)
def test_what_cannot_be_trained_is_refused(changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        TrainConfig(**changes)


def test_only_fields_that_reach_a_parameter_make_another_run():
    one = get_config()
    moved = dataclasses.replace(
        one.run, workdir=Path("elsewhere"), log_every_steps=1, keep_checkpoints=9
    )
    assert differing_fields(one, dataclasses.replace(one, run=moved)) == []
    other = dataclasses.replace(
        one,
        model=one.model.replace(depth=3),
        run=dataclasses.replace(one.run, seed=4),
    )
    assert differing_fields(one, other) == ["model.depth: 1 and 3", "run.seed: 0 and 4"]
    repeated = dataclasses.replace(one, data=dataclasses.replace(one.data, repeats=3))
    assert differing_fields(one, repeated) == ["data.repeats: 1 and 3"]
