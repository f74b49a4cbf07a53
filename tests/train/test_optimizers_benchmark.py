"""The table of benchmarks/optimizers.py, from made-up runs."""

import sys
from pathlib import Path

import pytest

from benchmarks import optimizers
from benchmarks.optimizers import OPTIMIZERS, SETS, Curve, clock, draw, run, table
from vit_jax.cli import main

FAST = Curve("Fast", "--name lion", [5, 10], [2.0, 4.4], [98.0, 97.0])
SLOW = Curve("Slow", "", [5, 10], [20.0, 40.0], [11.0, 12.5])


def test_a_row_tells_the_end_the_best_and_the_first_time_at_the_goal():
    head, _, fast, slow = table([FAST, SLOW], 97).splitlines()
    assert head.endswith("| CPU s to 97 % |")
    assert fast == "| Fast | name lion | 97.00 % | 98.00 % | 4 | 2 |"
    assert slow == "| Slow |  | 12.50 % | 12.50 % | 40 | not reached |"


def test_time_between_evaluations_is_not_counted():
    """It tells lines as train.py does: steps lie before each that has a rate."""
    code = """
import time
def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
work(0.4); print("step 1/4  compiled in 9.9 s", flush=True)
work(0.2); print("step 2/4  loss 1.2345  9 images/s", flush=True)
work(0.4); print("step 2/4  held-out accuracy 50.00 %  loss 1.0", flush=True)
work(0.2); print("step 4/4  loss 1.2345  9 images/s", flush=True)
work(0.4); print("held-out accuracy 50.00 %", flush=True)
"""
    seconds = clock([sys.executable, "-c", code])
    assert list(seconds) == ["2", "4"]
    assert seconds["2"] == pytest.approx(0.2, abs=0.15)
    assert seconds["4"] == pytest.approx(0.4, abs=0.3)


def test_a_run_that_ended_is_read_and_not_taken_again(tmp_path, monkeypatch):
    calls: list[list[str]] = []

    def train(command: list[str]) -> dict[str, float]:
        calls.append(command)
        (folder,) = (a.split("=")[1] for a in command if "workdir" in a)
        Path(folder).mkdir()
        Path(folder, "metrics.jsonl").write_text(
            '{"step": 5, "train/loss": 1.0}\n{"step": 5, "eval/top1": 0.5}\n'
        )
        return {"5": 7.0}

    monkeypatch.setattr(optimizers, "clock", train)
    first, again = (run(SETS[0], "Lion", tmp_path) for _ in range(2))
    assert first == again
    assert (first.steps, first.seconds, first.accuracy) == ([5], [7.0], [50.0])
    assert len(calls) == 1


def test_every_command_is_a_recipe_that_fits(tmp_path, monkeypatch):
    """train.py takes all flags: it fails at the file of images, which is not there."""
    codes: list[int] = []

    def train(command: list[str]) -> dict[str, float]:
        codes.append(main(["train", *command[2:]]))
        raise InterruptedError

    monkeypatch.setattr(optimizers, "clock", train)
    for data in SETS:
        for name in OPTIMIZERS:
            with pytest.raises(InterruptedError):
                run(data, name, tmp_path)
    assert codes == [2] * len(SETS) * len(OPTIMIZERS)


def test_the_picture_has_a_panel_for_each_data_set(tmp_path):
    draw({data: [FAST, SLOW] for data in SETS}, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
