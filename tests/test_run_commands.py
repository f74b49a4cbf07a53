"""`replay` and `diff` as a user types them: what is told, and the exit code."""

import dataclasses
import json
import shutil

import pytest

import vit_jax.train.replay as replay_module
from tests.train.recipe import get_config
from vit_jax.cli import main
from vit_jax.train.loop import HASHES
from vit_jax.train.replay_report import Replay, ReplayedImage
from vit_jax.train.workdir import hold_workdir, open_workdir

STEP = Replay(
    step=2,
    batch=1,
    start=1,
    other_state=None,
    loss=float("inf"),
    grad_norm=float("nan"),
    record=None,
    num_params=24,
    bad_params=("head.bias", "head.kernel"),
    bad_stage="logits",
    images=(
        ReplayedImage("7.png", 7, 0, "cat", 0, 255, float("inf"), is_finite=False),
    ),
)


@pytest.fixture
def workdir(tmp_path):
    """Folder of a run of two steps, each of them saved."""
    folder = tmp_path / "run"
    config = get_config()
    optim = dataclasses.replace(config.optim, warmup_steps=0)
    run = dataclasses.replace(config.run, workdir=folder, steps=2)
    open_workdir(dataclasses.replace(config, run=run, optim=optim))
    write_hashes(folder, last="2" * 16)
    return folder


def write_hashes(folder, *, last):
    arrays = {"step": "1" * 16, "params/head.bias": "1" * 16}
    lines = [
        {"step": 1, "hash": "1", "arrays": arrays},
        {"step": 2, "hash": last, "arrays": {**arrays, "params/head.bias": last}},
    ]
    (folder / HASHES).write_text("".join(json.dumps(line) + "\n" for line in lines))


def run(capsys, *args):
    """Returns the exit code and what was told, on either stream."""
    capsys.readouterr()
    code = main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_replay_tells_of_a_step_that_is_not_finite(capsys, monkeypatch, flags):
    asked = []

    def replay(workdir, step, *, progress):
        asked.append((str(workdir), step))
        return STEP

    monkeypatch.setattr(replay_module, "replay", replay)
    code, out, _ = run(capsys, "replay", "runs/mine", "--step", "2", *flags)
    assert (code, asked) == (0, [("runs/mine", 2)])
    if not flags:
        assert out == f"{STEP}\n"
        assert "not finite from logits on, in 1 of 1 images\n  7.png  class cat" in out
        return
    found = json.loads(out, parse_constant=pytest.fail)
    assert (found["loss"], found["grad_norm"], found["record"]) == ("inf", "nan", None)
    assert found["images"][0]["loss"] == "inf"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "has no flight record"),
        (("--step", "0"), "--step 0: the steps of"),
        (("--step", "3"), "are 1 to 2"),
    ],
)
def test_replay_of_a_step_that_is_not_there_is_one_message(
    capsys, workdir, args, message
):
    code, out, err = run(capsys, "replay", workdir, *args)
    assert (code, out) == (2, "")
    assert err.startswith("vit-jax: error: ")
    assert message in err


def test_diff_of_a_run_and_its_copy_finds_nothing(capsys, workdir, tmp_path):
    shutil.copytree(workdir, tmp_path / "copy")
    code, out, _ = run(capsys, "diff", workdir, tmp_path / "copy")
    assert code == 0
    assert out.splitlines()[-1] == (
        "state   equal, bit for bit, at 2 saved steps, the last 2"
    )


def test_diff_of_runs_that_part_has_another_exit_code(capsys, workdir, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(workdir, other)
    write_hashes(other, last="3" * 16)
    code, out, _ = run(capsys, "diff", workdir, other, "--json")
    assert code == 1
    state = json.loads(out)["state"]
    assert (state["step"], state["equal_before"]) == (2, 1)
    assert state["first"] == "params/head.bias"
    assert state["counts"] == {"params": [1, 1], "step": [0, 1]}


@pytest.mark.parametrize("command", ["replay", "diff"])
def test_a_folder_that_is_no_run_is_told(capsys, workdir, tmp_path, command):
    others = [workdir] if command == "diff" else []
    code, _, err = run(capsys, command, tmp_path, *others)
    assert code == 2
    assert "is no run's folder" in err


def test_a_run_that_is_going_on_is_not_replayed(capsys, workdir):
    with hold_workdir(workdir):
        code, _, err = run(capsys, "replay", workdir, "--step", "1")
    assert code == 2
    assert f"another process trains in {workdir}" in err
