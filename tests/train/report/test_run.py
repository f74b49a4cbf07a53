"""One run that tells all it can."""

import dataclasses
import json

import pytest

import vit_jax.train.loop as loop
from tests.train.recipe import get_config
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.run_config import RunConfig, find_run_faults

TRAIN = {
    "loss", "top1", "learning_rate", "grad_norm", "param_norm", "update_norm", "mfu",
    "images_per_second", "data_wait", "seconds_left", "step_seconds_p50",
    "step_seconds_p90", "step_seconds_p99", "step_seconds_max", "host_bytes",
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The folder of a run with a trace and TensorBoard, and what it printed."""
    folder, lines = tmp_path_factory.mktemp("run"), []
    config = get_config()
    run = dataclasses.replace(
        config.run, workdir=folder, also=("tensorboard",), profile=(3, 5)
    )
    with pytest.MonkeyPatch.context() as patch:
        say = loop.Report.say
        patch.setattr(
            loop.Report, "say", lambda self, line: (lines.append(line), say(self, line))
        )
        loop.train(dataclasses.replace(config, run=run), age=5.0)
    return folder, lines


def test_a_line_of_metrics_has_all_that_is_told_of_training(told):
    folder, _ = told
    lines = [line for line in read_metrics(folder) if "train/loss" in line]
    names = {f"train/{name}" for name in TRAIN}
    for line in lines:
        assert line.keys() - {"train/device_peak_bytes"} == {"step", *names}
        assert 0 <= line["train/data_wait"] <= 1
        assert line["train/mfu"] > 0
        assert line["train/step_seconds_p50"] <= line["train/step_seconds_max"]
    assert lines[-1]["train/top1"] > lines[0]["train/top1"]
    # Rate times Adam's update is small beside the parameters.
    assert 0 < lines[-1]["train/update_norm"] < 0.1 * lines[-1]["train/param_norm"]


def test_the_goodput_of_a_run_is_told_at_its_end_and_lies_in_a_file(told):
    folder, lines = told
    assert lines[-1].startswith("goodput ")
    found = json.loads((folder / "goodput.json").read_text())
    assert found["starts"] == 1
    assert found["seconds"]["start_up"] > 5
    assert found["seconds"]["lost"] == 0
    assert all(
        found["seconds"][name] > 0
        for name in ("compile", "data", "steps", "evaluation", "save")
    )
    assert list(found["saved"]) == ["0", "5", "10", "15", "20", "24"]


def test_a_trace_of_steps_is_written_and_told(told):
    folder, lines = told
    traces = list((folder / "profile").rglob("*.trace.json.gz"))
    assert len(traces) == 1
    assert list((folder / "profile").rglob("*.xplane.pb"))
    said = [i for i, line in enumerate(lines) if line.startswith("a trace of steps")]
    assert len(said) == 1
    assert lines[said[0] + 1].startswith("step 8/24")  # steps 3 to 5 are over


def test_tensorboard_gets_what_the_file_gets(told):
    folder, _ = told
    assert len(list((folder / "tensorboard").glob("events.*"))) == 1


@pytest.mark.parametrize("steps", [(1, 3), (5, 4), (2, 1001)])
def test_steps_that_cannot_be_traced_are_refused(steps):
    assert not list(find_run_faults(RunConfig(steps=1000, profile=(2, 1000))))
    (fault,) = find_run_faults(RunConfig(steps=1000, profile=steps))
    assert fault.startswith(f"profile={steps}; give the first and the last step")
