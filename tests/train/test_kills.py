"""A short run of benchmarks/kills.py, whose long one is a hundred kills."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import kill_phases, kills
from benchmarks.kill_phases import PHASES, SECONDS, Start
from benchmarks.kills import Chain, draw_aims, find_faults

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_kills_change_no_bit():
    options = ["--kills=4", "--steps=160", "--seed=16"]
    command = [sys.executable, "-m", "benchmarks.kills", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = dict(re.findall(r"^(\S.*\S) {2,}(\d+)", done.stdout, re.MULTILINE))
    assert list(rows) == [*PHASES, "all"]
    assert rows["all"] == "4"
    assert sum(rows[phase] != "0" for phase in PHASES) >= 3
    assert "0 ULP" in done.stdout


def test_all_phases_are_aimed_at_alike_and_the_same_every_time():
    aims = draw_aims(110, 1000, seed=3)
    counts = {name: sum(aim.phase == name for aim in aims) for name in PHASES}
    assert counts == dict.fromkeys(PHASES, 10)
    assert aims == draw_aims(110, 1000, seed=3) != draw_aims(110, 1000, seed=4)
    assert [aim.at_end for aim in aims] == [False] * 90 + [True] * 20


class Ended:
    """A process that is over."""

    def __init__(self, *_, **__):
        pass

    def wait(self, _seconds):
        return 0


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A start that does nothing, whose folder and lines the test writes."""
    monkeypatch.setattr(kill_phases.subprocess, "Popen", Ended)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    return Start(tmp_path / "run", 120, None)


FIRST = "step 1/120  compiled in 1.0 s\n"


@pytest.mark.parametrize(
    ("told", "left", "phase"),
    [
        ("", "checkpoints/40.part/x", kill_phases.IMPORTS),
        ("", ".lock", kill_phases.RESTORE),
        ("resumed at step 40/120\n", ".lock", kill_phases.COMPILE),
        (FIRST, ".lock", kill_phases.STEPS),
        (FIRST + "step 60/120  loss 1\n", ".lock", kill_phases.EVALUATION),
        (FIRST + "step 60/120  held-out (ema)\n", ".lock", kill_phases.STEPS),
        (FIRST, "checkpoints/40.part/state.tmp", kill_phases.ARRAYS),
        (FIRST, "checkpoints/40.part/state", kill_phases.SEAL),
        (FIRST, "checkpoints/40.part/state checkpoints/40.part/manifest.json",
         kill_phases.FLUSH),
        (FIRST, "checkpoints/40.part/state checkpoints/60", kill_phases.REMOVE),
        (FIRST, "checkpoints/120", kill_phases.EVALUATION),
        (FIRST, "checkpoints/120 .model.part model", kill_phases.RELEASE),
        ("resumed at step 120/120\n", "checkpoints/120 model", kill_phases.CURVES),
    ],
)  # fmt: skip
def test_a_phase_is_judged_from_lines_and_files(start, told, left, phase):
    start.since = 0
    start.folder.with_suffix(".out").write_text(told)
    for name in left.split():
        (start.folder / name).parent.mkdir(exist_ok=True)
        (start.folder / name).touch()
    assert start.judge() == phase


def test_what_an_earlier_start_left_is_not_this_ones(start):
    (start.folder / "model").touch()
    start.since += SECONDS
    start.folder.with_suffix(".out").write_text(FIRST)
    assert start.judge() == kill_phases.STEPS


@pytest.mark.parametrize(
    ("errors", "fault"),
    [
        ("", False),
        ("Traceback (most recent call last)\n", True),
        ("vit-jax: note: the checkpoint 40 is damaged\n", True),
    ],
)
def test_a_start_that_tells_of_an_error_is_a_fault(start, errors, fault):
    start.err.write_text(errors)
    assert bool(start.find_fault(killed=False)) == fault


def test_a_start_that_ends_when_it_should_be_killed_is_a_fault(start):
    assert "exit code 0" in start.find_fault(killed=True)


def test_whatever_differs_is_told(tmp_path, monkeypatch):
    ends = {"plain": {"a": 1, "b": 2}, "same": {"a": 1, "b": 2}, "x": {"a": 1, "b": 3}}
    monkeypatch.setattr(kills, "read_end", lambda folder: ends[folder.name])
    plain, same, other = (Chain(tmp_path / name) for name in ends)
    assert find_faults(plain, same) == []
    assert find_faults(plain, same, other) == [
        "x: other b than in the run that nobody killed"
    ]
    other.fault = "exit code 1"
    assert find_faults(plain, same, other) == ["x: exit code 1"]
