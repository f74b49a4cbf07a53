"""Two processes train as one does, and lose nothing when one is stopped or killed."""

import dataclasses
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vit_jax.train.config import load_recipe
from vit_jax.train.loop import HASHES, train
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.step_lines import read_lines

ROOT = Path(__file__).parent.parent.parent
RECIPE = Path(__file__).parent / "recipe.py"
STEPS = 60


def start(workdir):
    """Returns the two processes of a run, the first of which tells."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    hosts = ["--hosts.coordinator", f"127.0.0.1:{port}", "--hosts.count", "2"]
    return [
        subprocess.Popen(
            [sys.executable, "train.py", RECIPE, "--run.workdir", workdir,
             "--data.eval-batch-size", "60", "--run.steps", str(STEPS),
             "--run.eval-every-steps", str(STEPS), "--mesh.fsdp", "2",
             "--run.save-every-steps", "20", "--augment.shift", "0",
             "--optim.learning-rate", "1e-3",
             *hosts, "--hosts.index", str(index)],
            cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for index in range(2)
    ]  # fmt: skip


def end(processes):
    """Returns exit code and errors of each."""
    found = [process.communicate(timeout=240) for process in processes]
    codes = [process.returncode for process in processes]
    return codes, [err for _, err in found]


def wait_for_step(processes, step):
    for line in processes[0].stdout:
        if line.startswith("step") and int(line.split()[1].split("/")[0]) >= step:
            return
    raise AssertionError("the run ended before")


def losses(workdir):
    lines = [line for line in read_metrics(workdir) if "train/loss" in line]
    return [line["train/loss"] for line in lines if line["step"] in (4, 8, 12, 16, 20)]


@pytest.mark.slow
def test_two_processes_are_one_run_whatever_happens_to_one(tmp_path):
    whole, broken, alone = (tmp_path / name for name in ("whole", "broken", "alone"))
    assert end(start(whole))[0] == [0, 0]

    # SIGTERM to one stops both behind the same step, and nothing is lost.
    processes = start(broken)
    wait_for_step(processes, 8)
    processes[1].send_signal(signal.SIGTERM)
    codes, errs = end(processes)
    assert codes == [143, 143], errs
    stopped = {
        err.split("stopped by SIGTERM at step ")[1].split(";")[0] for err in errs
    }
    assert len(stopped) == 1
    assert (broken / "checkpoints" / stopped.pop()).is_dir()

    # One that is killed is named by the other, which stops.
    processes = start(broken)
    wait_for_step(processes, 28)
    since = time.monotonic()
    processes[1].kill()
    codes, errs = end(processes)
    assert time.monotonic() - since < 15
    assert codes == [1, -signal.SIGKILL]
    assert f"process 1 (pid {processes[1].pid}" in errs[0]
    assert "Traceback" not in errs[0]

    assert end(start(broken))[0] == [0, 0]
    last, expected = (read_lines(folder / HASHES)[-1] for folder in (broken, whole))
    assert last == expected

    config = load_recipe(RECIPE)
    train(
        dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, eval_batch_size=60),
            augment=dataclasses.replace(config.augment, shift=0.0),
            optim=dataclasses.replace(config.optim, learning_rate=1e-3),
            run=dataclasses.replace(
                config.run, workdir=alone, steps=STEPS, save_every_steps=STEPS
            ),
        )
    )
    np.testing.assert_allclose(losses(whole), losses(alone), rtol=1e-6)
