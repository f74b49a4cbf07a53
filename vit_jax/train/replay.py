"""One step of a run taken again, and what in it is not finite."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from vit_jax.checkpoint_folder import CARD
from vit_jax.data.batches import name_image
from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.train.fingerprint import fingerprint, whole_hash
from vit_jax.train.finite import Forward, find_finite_gradients, find_finite_stages
from vit_jax.train.flight import FOLDER, FlightRecord, read_record
from vit_jax.train.loop import HASHES
from vit_jax.train.replay_report import Replay, ReplayedImage
from vit_jax.train.run import Run, open_inputs, open_run
from vit_jax.train.step import Step, TrainState, make_step
from vit_jax.train.step_lines import read_lines
from vit_jax.train.workdir import hold_workdir, read_config


def replay(workdir: Path, step: int | None, *, progress: bool = False) -> Replay:
    """Returns what a step gives that is taken again.

    The run goes on from its newest checkpoint before the step; from its initial state
    where none of them is left. Nothing is saved.

    Args:
      step: the first is 1; None for that of the newest flight record.

    Raises:
      InputError: the folder is not a run's, another process trains there, no step is
        named and none is recorded, or the run has no such step.
    """
    config = read_config(workdir)
    # The folder may have another name now.
    config = dataclasses.replace(
        config, run=dataclasses.replace(config.run, workdir=workdir)
    )
    if step is not None and not 1 <= step <= config.run.steps:
        raise InputError(
            f"--step {step}: the steps of {workdir} are 1 to {config.run.steps}."
        )
    with hold_workdir(workdir):
        record = find_record(workdir, step)
        if record:
            step = record.step
        assert step
        with open_run(config, *open_inputs(config)) as run:
            state, _ = run.restore(at_most=step - 1)
            passed = record.passed if record else find_passed(run, int(state.step))
            run.feed.pass_over(passed)
            return _replay(run, state, step, record, progress=progress)


def find_record(workdir: Path, step: int | None) -> FlightRecord | None:
    """Returns the record of a step; None where it has none.

    Raises:
      InputError: no step is named, and none is recorded.
    """
    is_known = (workdir / FOLDER / f"{step}.json").exists()
    return read_record(workdir, step) if step is None or is_known else None


def find_passed(run: Run, start: int) -> set[int]:
    """Returns the batches that a run passed over behind its state of step `start`.

    Flight records and the next checkpoint's card name them; between the positions of
    two checkpoints lie the batches that were taken, and those.

    Raises:
      InputError: there are others that neither names.
    """
    folder = run.config.run.workdir / FOLDER
    known = {int(path.stem) for path in folder.glob("[0-9]*.json")}
    records = [read_record(run.config.run.workdir, step) for step in known]
    passed = {number for record in records for number in record.passed}
    later = [step for step in run.checkpoints.steps() if step > start]
    if not later:
        return passed
    card = json.loads((run.checkpoints.folder / str(later[0]) / CARD).read_text())
    first, last = run.feed.get_state()["next_index"], card["position"]["next_index"]
    passed |= set(card["position"]["passed"])
    count = (last - first) - (later[0] - start)
    if len(passed & set(range(first, last))) != count:
        raise InputError(
            f"between steps {start} and {later[0]} the run passed over {count} batches,"
            " and it is not known which: --step can name one that a flight record is"
            f" of ({', '.join(map(str, sorted(known))) or 'there are none'}), or one"
            " outside."
        )
    return passed


def _replay(
    run: Run,
    state: TrainState,
    number: int,
    record: FlightRecord | None,
    *,
    progress: bool,
) -> Replay:
    """Returns what step `number` gives, behind the steps between."""
    config, pixels = run.config, run.pixels
    step, start = make_step(config, pixels, run.mesh), int(state.step)
    state, other = _go_to(number - 1, step, run, state, progress=progress)
    batch_number, batch = run.feed.number, run.feed.take()
    finite = jax.device_get(
        find_finite_gradients(config, pixels, state, batch, run.teacher)
    )
    forward = jax.device_get(
        find_finite_stages(config, pixels, state, batch, run.teacher)
    )
    bad_stage = next((s for s, good in forward.finite.items() if not good.all()), None)
    # Last, since it consumes the state. What it tells is what it told in the run.
    _, metrics = step(state, batch, run.teacher)
    names = [name for name in param_shapes(config.model) if name in finite]
    return Replay(
        step=number,
        batch=batch_number,
        start=start,
        other_state=other,
        loss=float(metrics["loss"]),
        grad_norm=float(metrics["grad_norm"]),
        record=record,
        num_params=len(names),
        bad_params=tuple(name for name in names if not finite[name]),
        bad_stage=bad_stage,
        images=_describe_images(run, batch_number, batch, forward, bad_stage),
    )


def _go_to(
    last: int, step: Step, run: Run, state: TrainState, *, progress: bool
) -> tuple[TrainState, int | None]:
    """Returns the state after a step, and the first that is not as the run saved it."""
    lines = read_lines(run.config.run.workdir / HASHES)
    saved = {line["step"]: line["hash"] for line in lines}
    other = None
    for done in tqdm(
        range(int(state.step) + 1, last + 1),
        desc=f"steps before step {last + 1}",
        disable=None if progress else True,
    ):
        state, _ = step(state, run.feed.take(), run.teacher)
        if other is None and done in saved:
            other = None if whole_hash(fingerprint(state)) == saved[done] else done
    return state, other


def _describe_images(
    run: Run, number: int, batch: Any, forward: Forward, stage: str | None
) -> tuple[ReplayedImage, ...]:
    """Returns what there is to tell of each image of a batch.

    Args:
      stage: at which they are finite or not; None where all are at every stage.
    """
    source, broken = run.train.source, set(run.feed.batches.broken.indices)
    indices = run.feed.batches.plan(number).indices.tolist()
    labels = np.asarray(batch["label"]).tolist()
    return tuple(
        ReplayedImage(
            name=name_image(source, index) + " (replaced)" * (index in broken),
            index=index,
            label=label,
            class_name=source.class_names[label],
            darkest=int(forward.darkest[row]),
            brightest=int(forward.brightest[row]),
            loss=float(forward.losses[row]),
            is_finite=stage is None or bool(forward.finite[stage][row]),
        )
        for row, (index, label) in enumerate(zip(indices, labels, strict=True))
    )
