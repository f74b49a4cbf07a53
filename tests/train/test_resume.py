"""Ctrl-C and SIGTERM save the last step; what kills do is in test_kills."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.xla_flags import xla_flags
from vit_jax.train.loop import HASHES
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.step_lines import read_lines

ROOT = Path(__file__).parent.parent.parent
RECIPE = Path(__file__).parent / "recipe.py"
# Slow enough to be hit in the middle.
STEPS = 300


def start(workdir):
    environment = {**os.environ, "XLA_FLAGS": xla_flags(devices=1)}
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


def stop(workdir, number, *, after_step):
    """Starts a run and sends it a signal once it tells of a step; returns its end."""
    process = start(workdir)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("step") and int(line.split()[1].split("/")[0]) >= after_step:
            break
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def ending(workdir):
    """Returns hashes of the last state and of the model, and what was measured."""
    last = read_lines(workdir / HASHES)[-1]
    assert last["step"] == STEPS
    model = json.loads((workdir / "model" / "model.json").read_text())
    evals = [line for line in read_metrics(workdir) if "eval/top1" in line]
    return last, model, evals


@pytest.mark.slow
def test_ctrl_c_and_sigterm_save_the_last_step_and_change_no_bit(tmp_path):
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
    finish(broken)
    assert ending(broken) == ending(unbroken)
