import dataclasses
import json
import math

import pytest

from tests.train.recipe import get_config
from vit_jax.evaluate import Evaluation
from vit_jax.model.params import param_shapes
from vit_jax.train.report.mfu import find_utilization
from vit_jax.train.report.report import Report
from vit_jax.train.report.sinks import read_metrics

NAMES = list(param_shapes(get_config().model))


def config_in(folder):
    config = get_config()
    return dataclasses.replace(
        config, run=dataclasses.replace(config.run, workdir=folder)
    )


def write(folder, steps, start=0):
    with Report(config_in(folder)) as report:
        report.begin(start, NAMES)
        for step in steps:
            report.write_train(step, {"train/loss": 1 / step})
            report.write_eval(step, Evaluation(360, step / 100, 0.5))


def test_metrics_are_one_object_a_line(tmp_path):
    write(tmp_path, [4, 8])
    lines = [
        json.loads(s) for s in (tmp_path / "metrics.jsonl").read_text().splitlines()
    ]
    assert [line["step"] for line in lines] == [4, 4, 8, 8]
    assert lines[0]["train/loss"] == 0.25
    assert lines[3]["eval/top1"] == 0.08


def test_the_rate_the_wait_the_time_left_and_the_utilization_fit_the_clock(tmp_path):
    """Two steps of 32 images in four seconds, one of them spent waiting for data."""
    with Report(config_in(tmp_path)) as report:
        report.begin(4, NAMES)
        report.clock -= 4
        report.goodput.seconds["data"] += 1
        report.pace.seconds = [1.5, 2.5]
        report.write_train(6, {"train/loss": 1.0})
    line = read_metrics(tmp_path)[-1]
    assert line["train/images_per_second"] == pytest.approx(16, rel=1e-2)
    assert line["train/data_wait"] == pytest.approx(0.25, rel=1e-2)
    assert line["train/seconds_left"] == pytest.approx(36, rel=1e-2)  # 18 steps
    assert line["train/step_seconds_p50"] == 1.5
    assert line["train/step_seconds_max"] == 2.5
    assert line["train/host_bytes"] > 1e7
    used = find_utilization(config_in(tmp_path), NAMES)
    wanted = 16 * used.flops / used.peak.flops_per_second
    assert line["train/mfu"] == pytest.approx(wanted, rel=1e-2)
    assert math.isclose(used.at(16), wanted)


def test_what_a_resume_does_again_stands_there_once(tmp_path):
    write(tmp_path, [4, 8, 12])
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 16, "train/lo')  # a kill in the middle of a line
    write(tmp_path, [12, 16], start=8)
    steps = [line["step"] for line in read_metrics(tmp_path)]
    assert steps == [4, 4, 8, 8, 12, 12, 16, 16]


def test_progress_is_told_in_lines_where_there_is_no_terminal(tmp_path, capsys):
    write(tmp_path, [4])
    first, train, evaluation, last = capsys.readouterr().out.splitlines()
    assert first.startswith("a training step takes 71.3 kFLOP an image; MFU is of ")
    assert train.startswith("step 4/24  loss 0.2500  ")
    assert " images/s  MFU " in train
    assert train.endswith(" left")
    assert evaluation == "step 4/24  held-out accuracy 4.00 %  loss 0.5000"
    assert last.startswith("goodput ")


def test_a_process_that_does_not_speak_writes_and_says_nothing(tmp_path, capsys):
    with Report(config_in(tmp_path), speaks=False) as report:
        report.begin(0, NAMES)
        report.write_train(4, {"train/loss": 1.0})
        report.goodput.save(4)
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""


@dataclasses.dataclass
class Sent:
    """A step's result."""

    ready: bool

    def is_ready(self) -> bool:
        return self.ready


@pytest.mark.parametrize(
    ("sent", "phase"), [([], "data"), ([True], "data"), ([True, False], "steps")]
)
def test_a_batch_is_waited_for_where_devices_have_nothing_to_do(tmp_path, sent, phase):
    with Report(config_in(tmp_path)) as report:
        report.pace.waiting.extend(map(Sent, sent))
        report.goodput.at("data")
        report.goodput.last -= 100
        report.end_wait()
        report.goodput.at("compile")
    (most, seconds) = max(report.goodput.seconds.items(), key=lambda item: item[1])
    assert most == phase
    assert 100 <= seconds < 101
