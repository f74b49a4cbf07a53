"""A run that is stopped at any instant and started again ends with the same bits."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vit_jax.train.report import read_metrics

ROOT = Path(__file__).parent.parent.parent
RECIPE = Path(__file__).parent / "recipe.py"
# Slow enough to be hit in the middle, short enough to be started many times.
STEPS = 300


def start(workdir):
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    return subprocess.Popen(
        [sys.executable, "train.py", RECIPE, "--run.workdir", workdir,
         "--run.steps", str(STEPS), "--run.save-every-steps", "20",
         "--run.eval-every-steps", "100"],
        cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(workdir):
    process = start(workdir)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def stop(workdir, number, *, after_step, delay=0.0):
    """Starts a run and sends it a signal once it tells of a step; returns its end."""
    process = start(workdir)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("step") and int(line.split()[1].split("/")[0]) >= after_step:
            break
    time.sleep(delay)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def ending(workdir):
    """Returns digests of the last state and of the model, and what was measured."""
    last = workdir / "checkpoints" / str(STEPS)
    card = json.loads((last / "card" / "metadata").read_text())
    model = json.loads((workdir / "model" / "model.json").read_text())
    evals = [line for line in read_metrics(workdir) if "eval/top1" in line]
    return card, model, evals


@pytest.mark.slow
def test_ctrl_c_sigterm_and_kills_change_no_bit(tmp_path):
    broken, unbroken = tmp_path / "broken", tmp_path / "unbroken"
    finish(unbroken)
    for number, code, after_step in (
        (signal.SIGINT, 130, 24),
        (signal.SIGTERM, 143, 64),
    ):
        returncode, err = stop(broken, number, after_step=after_step)
        assert returncode == code, err
        assert f"stopped by {number.name} at step" in err
        assert "Traceback" not in err
        step = int(err.split("at step ")[1].split(";")[0])
        assert (broken / "checkpoints" / str(step)).is_dir()  # not one step was lost
    for after_step, delay in ((step + 24, 0.0), (step + 60, 0.013)):
        stop(broken, signal.SIGKILL, after_step=after_step, delay=delay)
    finish(broken)
    assert ending(broken) == ending(unbroken)
