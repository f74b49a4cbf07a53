"""The training loop: batch, place, step, report, evaluate, save."""

import contextlib
import dataclasses
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh

from vit_jax.checkpoint import Checkpoints
from vit_jax.data.pipeline import Batches
from vit_jax.data.sources import ImageSource
from vit_jax.evaluate import Evaluation, check_fits, evaluate
from vit_jax.release import Release, save_release
from vit_jax.train.config import TrainConfig
from vit_jax.train.interrupt import Interrupted, InterruptGuard
from vit_jax.train.mesh import make_mesh, place, replicated
from vit_jax.train.open_data import Images, make_batches, on_device, open_images
from vit_jax.train.report import Report, draw_curves
from vit_jax.train.step import Metrics, TrainState, init_state, make_step
from vit_jax.train.workdir import hold_workdir, open_workdir


@dataclasses.dataclass(frozen=True)
class _Run:
    """What one start of a run works with, beside its state."""

    config: TrainConfig
    mesh: Mesh
    train: Images
    eval: Images
    batches: Batches
    checkpoints: Checkpoints
    report: Report
    guard: InterruptGuard


class DivergedError(RuntimeError):
    """The loss or the gradients are no longer finite numbers."""


def train(config: TrainConfig) -> tuple[Evaluation, Path]:
    """Trains a model, or goes on where an earlier start of the same run stopped.

    Returns:
      what it reaches on the held-out images, and the folder of the released model.

    Raises:
      InputError: the model does not fit the images, the workdir holds another run, or
        another process trains there.
      Interrupted: Ctrl-C or SIGTERM came; what was done is saved.
      DivergedError: a loss or gradient was not finite; nothing of it is saved.
    """
    run, data = config.run, config.data
    to_train, to_eval = (
        open_images(data, config.model, part) for part in ("train", "eval")
    )
    for images in (to_train, to_eval):
        check_fits(config.model, images.source, images.transform)
    mesh = make_mesh(data.batch_size, data.eval_batch_size)
    state = init_state(config, mesh)
    open_workdir(config)
    batches = make_batches(config, to_train)
    folder, model = run.workdir / "checkpoints", run.workdir / "model"
    with (
        InterruptGuard() as guard,
        hold_workdir(run.workdir),
        contextlib.closing(batches),
    ):
        with Checkpoints(folder, keep=run.keep_checkpoints) as checkpoints:
            found = checkpoints.restore(state, replicated(mesh))
            if found is not None:
                state, position = found
                batches.set_state(position)
            with Report(config, start=int(state.step)) as report:
                if decoder := to_train.decoder:
                    report.say(f"images are decoded by {decoder}")
                session = _Run(
                    config=config,
                    mesh=mesh,
                    train=to_train,
                    eval=to_eval,
                    batches=batches,
                    checkpoints=checkpoints,
                    report=report,
                    guard=guard,
                )
                state = _take_steps(session, state)
                report.say_broken(batches.broken)
        evaluation = _evaluate(session, state)
        save_release(model, make_release(config, to_train.source, state))
        draw_curves(run.workdir)
    return evaluation, model


def _take_steps(run: _Run, state: TrainState) -> TrainState:
    """Returns the state behind the last step; tells and saves on the way."""
    config, every, start = run.config, run.config.run, int(state.step)
    step = make_step(config, run.train.source.pixels, run.mesh)
    pending: list[Metrics] = []
    for done in range(start + 1, every.steps + 1):
        with run.report.waiting():
            batch = next(run.batches)
        state, metrics = step(state, place(on_device(batch), run.mesh))
        pending.append(metrics)
        if done == start + 1:
            jax.block_until_ready(state)
            run.report.say_compiled(done)
        stopped_by, last = run.guard.number, done == every.steps
        save = stopped_by or last or done % every.save_every_steps == 0
        evaluates = last or done % every.eval_every_steps == 0
        # What is not finite is noticed here, before it is evaluated or saved.
        if save or evaluates or done % every.log_every_steps == 0:
            run.report.write_train(done, _mean(pending, done))
            pending = []
        if evaluates:
            run.report.write_eval(done, _evaluate(run, state))
        # Last of all: what stands in the metrics up to here is never done again.
        if save:
            run.checkpoints.save(done, state, run.batches.get_state())
        if stopped_by:
            raise Interrupted(stopped_by, done)
    return state


def _mean(metrics: list[Metrics], step: int) -> dict[str, float]:
    """Returns the means of the metrics, fetched from the device at once.

    Raises:
      DivergedError: one is not finite.
    """
    columns = jax.device_get(metrics)
    means = {
        f"train/{name}": float(np.mean([row[name] for row in columns]))
        for name in columns[0]
    }
    if not all(np.isfinite(value) for value in means.values()):
        values = ", ".join(f"{name} {value:g}" for name, value in means.items())
        raise DivergedError(
            f"training diverged in the {len(metrics)} steps up to {step}: {values}."
            " Nothing of them is saved. Lower optim.learning_rate, lengthen"
            " optim.warmup_steps, or set optim.clip_norm."
        )
    return means


def _evaluate(run: _Run, state: TrainState) -> Evaluation:
    return evaluate(
        run.config.model,
        state.params,
        run.train.source.pixels,
        run.eval.source,
        batch_size=run.config.data.eval_batch_size,
        num_threads=run.config.data.num_threads,
        transform=run.eval.transform,
        place=lambda batch: place(on_device(batch), run.mesh),
    )


def make_release(
    config: TrainConfig, source: ImageSource, state: TrainState
) -> Release:
    """Returns a trained model with what its user needs to know."""
    return Release(
        config=config.model,
        params=jax.device_get(state.params),
        pixels=source.pixels,
        class_names=source.class_names,
    )
