"""One run in this process; what kills do to it is in test_resume."""

import dataclasses
import json
import shutil

import pytest
from jax._src.array import ArrayImpl

import vit_jax.train.loop as loop
from tests.train.recipe import get_config
from vit_jax.data.sources import Digits
from vit_jax.errors import InputError
from vit_jax.evaluate import evaluate
from vit_jax.release import load_release
from vit_jax.train.feed import Feed
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.workdir import hold_workdir


def config_in(folder, **run):
    config = get_config()
    return dataclasses.replace(
        config, run=dataclasses.replace(config.run, workdir=folder, **run)
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that ended: its config, what train gave, its folder."""
    config = config_in(tmp_path_factory.mktemp("run"))
    return config, loop.train(config), config.run.workdir


def test_a_run_leaves_metrics_curves_config_checkpoints_and_a_model(finished):
    _, (found, model), folder = finished
    assert {path.name for path in folder.iterdir()} == {
        ".lock",
        "checkpoints",
        "config.json",
        "curves.png",
        "goodput.json",
        "hashes.jsonl",
        "metrics.jsonl",
        "model",
    }
    assert model == folder / "model"
    lines = read_metrics(folder)
    evals = {line["step"]: line["eval/top1"] for line in lines if "eval/top1" in line}
    assert list(evals) == [8, 16, 24]
    assert evals[24] == pytest.approx(found.top1, abs=1e-6)
    assert [line["step"] for line in lines if "train/loss" in line] == [
        4, 5, 8, 10, 12, 15, 16, 20, 24,
    ]  # fmt: skip
    losses = [line["train/loss"] for line in lines if "train/loss" in line]
    assert losses[-1] < losses[0] - 0.1


def test_the_released_model_is_the_one_that_was_evaluated(finished):
    _, (found, model), _ = finished
    release = load_release(model)
    assert release.class_names == tuple("0123456789")
    again = evaluate(
        release.config,
        release.params,
        release.pixels,
        Digits("test"),
        batch_size=360,
    )
    assert (again.images, again.top1) == (360, found.top1)


def test_a_finished_run_started_again_takes_no_step(finished, capsys):
    config, (found, model), folder = finished
    before = (folder / "metrics.jsonl").read_text()
    assert loop.train(config) == (found, model)
    assert (folder / "metrics.jsonl").read_text() == before
    assert "resumed at step 24/24" in capsys.readouterr().out


def test_a_workdir_of_another_run_is_refused_with_what_differs(finished, tmp_path):
    config, _, folder = finished
    shutil.copy(folder / "config.json", tmp_path / "config.json")
    other = config_in(tmp_path, seed=3, log_every_steps=1)
    other = dataclasses.replace(other, model=config.model.replace(depth=2))
    with pytest.raises(
        InputError, match=r"model\.depth: 1 and 2\n  run\.seed: 0 and 3"
    ):
        loop.train(other)


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    with hold_workdir(tmp_path), pytest.raises(InputError, match="another process"):
        loop.train(config_in(tmp_path))


def test_a_damaged_config_is_told(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model": {"width": 3}}))
    with pytest.raises(InputError, match=r"config\.json is damaged, or of another"):
        loop.train(config_in(tmp_path))


def test_checkpoints_without_a_config_are_not_touched(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(InputError, match=r"holds checkpoints but no config\.json"):
        loop.train(config_in(tmp_path))


def test_a_workdir_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        loop.train(config_in(tmp_path / "file" / "run"))


def test_a_model_for_other_images_is_refused_before_anything_is_written(tmp_path):
    config = config_in(tmp_path / "run")
    wrong = dataclasses.replace(config, model=config.model.replace(image_size=16))
    with pytest.raises(InputError, match=r"images of \(8, 8, 1\)"):
        loop.train(wrong)
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_stops_the_run_and_is_not_saved(tmp_path):
    # Evaluates between the steps that log.
    config = config_in(tmp_path, eval_every_steps=3, max_bad_steps=2, max_rewinds=1)
    optim = dataclasses.replace(config.optim, learning_rate=1e38, clip_norm=None)
    with pytest.raises(loop.DivergedError, match="after going back 1 times"):
        loop.train(dataclasses.replace(config, optim=optim))
    saved = [path.name for path in (tmp_path / "checkpoints").glob("[0-9]*")]
    assert all(int(step) < 20 for step in saved)
    assert not (tmp_path / "model").exists()
    text = (tmp_path / "metrics.jsonl").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text


def test_between_logs_nothing_is_fetched_from_the_device(tmp_path, monkeypatch):
    """Neither device_get nor float, int or bool of an array; only step 1 is awaited."""
    config = config_in(
        tmp_path, log_every_steps=12, eval_every_steps=24, save_every_steps=24
    )
    fetched: list[None] = []
    value = ArrayImpl._value

    def fetch(array):
        fetched.append(None)
        return value.fget(array)

    monkeypatch.setattr(ArrayImpl, "_value", property(fetch))
    at_step: list[int] = []
    take = Feed.take

    def count(feed, **kwargs):
        at_step.append(len(fetched))
        return take(feed, **kwargs)

    monkeypatch.setattr(Feed, "take", count)
    loop.train(config)
    first, second = at_step[:12], at_step[12:]
    assert len(set(first)) == len(set(second)) == 1
    assert second[0] > first[0]  # the log at step 12, which shows that it counts
    assert len(fetched) > second[-1]
