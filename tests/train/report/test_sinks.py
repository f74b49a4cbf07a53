import dataclasses
import importlib.util
import struct
import sys
import types

import pytest

from tests.train.recipe import get_config
from vit_jax.errors import InputError
from vit_jax.train import loop
from vit_jax.train.report.sinks import open_sinks


def config_in(folder, *also):
    config = get_config()
    run = dataclasses.replace(config.run, workdir=folder, also=also)
    return dataclasses.replace(config, run=run)


def read_events(folder):
    """Returns (step, purges from here, {name: value}) of each event, file by file."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events.*"), key=lambda p: p.stat().st_mtime_ns):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            values = {v.tag: v.simple_value for v in event.summary.value}
            found.append((event.step, event.HasField("session_log"), values))
            at += 16 + length
    return [each for each in found if each[1] or each[2]]


def test_tensorboard_has_the_metrics_and_hides_steps_that_are_taken_again(tmp_path):
    config = config_in(tmp_path, "tensorboard")
    for start, steps in ((0, (4, 8, 12)), (8, (12,))):
        lines, board = open_sinks(config, start)
        for step in steps:
            for sink in (lines, board):
                sink.write(step, {"train/loss": 1 / step, "train/mfu": 0.5})
        board.close()
    events = read_events(tmp_path / "tensorboard")
    assert [(step, purges) for step, purges, _ in events if purges] == [
        (1, True),
        (9, True),  # TensorBoard hides what files before this have from step 9 on
    ]
    losses = [(s, v["train/loss"]) for s, _, v in events if "train/loss" in v]
    assert losses == [(s, pytest.approx(1 / s)) for s in (4, 8, 12, 12)]
    assert sum("train/mfu" in values for _, _, values in events) == 4


def test_tensorboard_hides_what_a_run_goes_back_for(tmp_path):
    _, board = open_sinks(config_in(tmp_path, "tensorboard"), 0)
    board.write(4, {"train/loss": 1.0})
    board.go_back(2)
    board.write(4, {"train/loss": 2.0})
    board.close()
    events = read_events(tmp_path / "tensorboard")
    purges = [step for step, purge, _ in events if purge]
    assert purges == [1, 3]


def test_wandb_goes_on_with_the_same_run_and_has_steps_as_its_axis(
    tmp_path, monkeypatch
):
    calls = []

    class Run:
        def define_metric(self, name, **settings):
            calls.append(("define", name, settings))

        def log(self, metrics):
            calls.append(("log", metrics))

        def finish(self):
            calls.append(("finish",))

    def init(**settings):
        calls.append(("init", settings))
        return Run()

    fake = types.SimpleNamespace(init=init)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for start in (0, 8):
        _, sink = open_sinks(config_in(tmp_path, "wandb"), start)
        sink.write(start + 4, {"train/loss": 0.5})
        sink.close()
    first, second = (call[1] for call in calls if call[0] == "init")
    assert first == second
    assert first["id"] == (tmp_path / "wandb_id.txt").read_text()
    assert first["resume"] == "allow"
    assert first["config"]["model"]["embed_dim"] == 16
    assert [call[1:] for call in calls if call[0] != "init"] == [
        ("*", {"step_metric": "step"}),
        ({"step": 4, "train/loss": 0.5},),
        (),
        ("*", {"step_metric": "step"}),
        ({"step": 12, "train/loss": 0.5},),
        (),
    ]


@pytest.mark.parametrize(
    ("name", "package"), [("tensorboard", "tensorboardX"), ("wandb", "wandb")]
)
def test_a_package_that_is_missing_is_told_before_anything_is_written(
    name, package, tmp_path, monkeypatch
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == package else find(n)
    )
    with pytest.raises(InputError, match=rf"pip install '\.\[{name}\]'"):
        loop.train(config_in(tmp_path / "run", name))
    assert not (tmp_path / "run").exists()
