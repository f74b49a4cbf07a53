"""Two runs, and the first thing that they do not share."""

import dataclasses
import json

import pytest

from tests.train.recipe import get_config
from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.train.diff import diff, diff_losses
from vit_jax.train.loop import HASHES
from vit_jax.train.report.sinks import METRICS
from vit_jax.train.workdir import open_workdir

# Twelve blocks, so that the order of names is not that of the alphabet.
NAMES = list(param_shapes(get_config().model.replace(depth=12)))


@pytest.fixture
def write(tmp_path):
    """Writes the folder of a run as if it had been trained; returns it."""

    def write_run(name, *, changes=None, losses=(2.3, 2.2, 2.1), seed=0, **run):
        config = get_config()
        folder = tmp_path / name
        config = dataclasses.replace(
            config,
            model=config.model.replace(depth=12),
            run=dataclasses.replace(config.run, workdir=folder, seed=seed, **run),
        )
        open_workdir(config)
        steps = range(5, 5 * len(losses) + 1, 5)
        lines = [
            {"step": step, "train/learning_rate": 0.1, "train/loss": loss}
            for step, loss in zip(steps, losses, strict=True)
        ]
        (folder / METRICS).write_text("".join(json.dumps(li) + "\n" for li in lines))
        hashes = [line_of(step, (changes or {}).get(step, ())) for step in steps]
        (folder / HASHES).write_text("".join(json.dumps(li) + "\n" for li in hashes))
        return folder

    return write_run


def line_of(step, changed):
    """Returns the line of a save, where some arrays are not those of other runs."""
    paths = ["step", *(f"params/{name}" for name in sorted(NAMES))]
    paths += [f"opt_state/1/mu/{name}" for name in sorted(NAMES)]
    arrays = dict.fromkeys(paths, f"{step:016x}")
    arrays |= dict.fromkeys(changed, "f" * 16)
    return {"step": step, "hash": f"{step} {sorted(changed)}", "arrays": arrays}


def test_equal_runs_are_equal(write):
    found = diff(write("a"), write("b"))
    assert found.equal
    assert str(found).splitlines() == [
        "config  equal",
        "loss    equal at 3 logged steps",
        "state   equal, bit for bit, at 3 saved steps, the last 15",
    ]
    assert found.to_fields()["equal"] is True


def test_fields_are_told_and_those_that_are_free_are_marked(write):
    found = diff(write("a"), write("b", seed=3, log_every_steps=7))
    assert not found.equal
    assert str(found).splitlines()[:2] == [
        "config  run.seed: 0 and 3",
        "config  run.log_every_steps: 4 and 7 (free to differ)",
    ]
    assert diff(write("a"), write("c", log_every_steps=7)).equal


def test_the_first_loss_that_differs_is_told(write):
    found = diff(write("a"), write("b", losses=(2.3, 2.25, 2.5)))
    assert dataclasses.astuple(found.loss) == (10, 2.2, 2.25)
    assert "loss    step 10 is the first to differ: 2.2 and 2.25" in str(found)
    assert not found.equal


def test_a_loss_that_is_not_finite_differs_from_one_that_is():
    a = {"step": 4, "train/learning_rate": 1.0, "train/loss": 2.0}
    b = {"step": 4, "train/learning_rate": 1.0}
    pair, _ = diff_losses([a], [b])
    assert dataclasses.astuple(pair) == (4, 2.0, None)


def test_means_over_other_steps_are_not_compared():
    """A run that was stopped at step 6 logged the mean of 2 steps at step 8."""
    lines = {
        step: {"step": step, "train/learning_rate": 1.0, "train/loss": loss}
        for step, loss in {4: 2.0, 6: 1.9, 8: 1.8}.items()
    }
    whole = [lines[4], {**lines[8], "train/loss": 1.85}]
    evaluated = {"step": 8, "eval/loss": 9.0}
    assert diff_losses(whole, [*lines.values(), evaluated]) == (None, 1)


def test_the_first_array_of_the_model_is_told_with_counts(write):
    changed = ["params/blocks.10.attn.q.kernel", "params/blocks.2.norm1.bias"]
    moments = ["opt_state/1/mu/blocks.0.attn.q.bias"]
    b = write("b", changes={10: [*changed, *moments], 15: moments})
    found = diff(write("a"), b)
    assert found.state
    assert (found.state.step, found.state.equal_before) == (10, 5)
    assert found.state.first == "params/blocks.2.norm1.bias"  # before blocks.10
    assert found.state.counts == {
        "params": (2, len(NAMES)),
        "opt_state": (1, len(NAMES)),
        "step": (0, 1),
    }
    total = len(NAMES)
    assert str(found).splitlines()[2:] == [
        "state   step 10 is the first to differ; equal still at step 5",
        f"        params 2 of {total}, opt_state 1 of {total}, step 0 of 1",
        "        first: params/blocks.2.norm1.bias",
    ]


def test_an_array_of_one_run_only_differs(write):
    a, b = write("a"), write("b")
    lines = [json.loads(text) for text in (b / HASHES).read_text().splitlines()]
    for line in lines:
        line["hash"] += "+"
        line["arrays"]["ema/norm.bias"] = "0" * 16
    (b / HASHES).write_text("".join(json.dumps(line) + "\n" for line in lines))
    state = diff(a, b).state
    assert state
    assert (state.step, state.equal_before, state.first) == (5, None, "ema/norm.bias")
    assert state.counts["ema"] == (1, 1)


def test_runs_that_share_no_saved_step_are_refused(write):
    a, b = write("a"), write("b")
    (b / HASHES).write_text(json.dumps(line_of(7, ())) + "\n")
    with pytest.raises(InputError, match="no saved step in common: steps 5, 10, 15"):
        diff(a, b)
    (b / HASHES).unlink()
    with pytest.raises(InputError, match="and none"):
        diff(a, b)


def test_only_folders_of_runs_are_compared(write, tmp_path):
    with pytest.raises(InputError, match="no run's folder"):
        diff(write("a"), tmp_path)
