"""The training loop: batch, step, report, evaluate, save; and back, where it must."""

import contextlib
import dataclasses
import math
import time
from pathlib import Path
from typing import Any

import jax

from vit_jax.agree import is_first, once
from vit_jax.evaluate import Evaluation
from vit_jax.release import save_release
from vit_jax.train.config import OWN, TrainConfig, each_field
from vit_jax.train.divergence import DivergedError, Streak, Taken, fetch, find_means
from vit_jax.train.fingerprint import fingerprint, whole_hash
from vit_jax.train.flight import write_record
from vit_jax.train.hang import PLACES, HangDetector
from vit_jax.train.hosts.join import join
from vit_jax.train.initial import Start, find_start
from vit_jax.train.interrupt import Agreement, Interrupted, InterruptGuard
from vit_jax.train.report.curves import draw_curves
from vit_jax.train.report.report import Report
from vit_jax.train.report.sinks import check_sinks
from vit_jax.train.run import Run, make_release, open_inputs, open_run
from vit_jax.train.step import TrainState, make_step
from vit_jax.train.step_lines import add_line, drop_lines
from vit_jax.train.workdir import hold_workdir, open_workdir

HASHES = "hashes.jsonl"


def train(config: TrainConfig, *, age: float = 0.0) -> tuple[Evaluation, Path]:
    """Trains a model, or goes on where an earlier start of the same run stopped.

    Args:
      age: seconds that have gone into this start already, for its goodput.

    Returns:
      what it reaches on the held-out images, and the folder of the released model.

    Raises:
      InputError: the model does not fit the images, the workdir holds another run,
        another process trains there, or a package that is asked for is missing.
      Interrupted: Ctrl-C or SIGTERM came; what was done is saved.
      DivergedError: steps were not finite, and going back did not help.
    """
    since = time.perf_counter() - age
    check_sinks(config.run.also)
    same = {name: str(value) for name, value in each_field(config) if name not in OWN}
    with (
        join(config.hosts, same=same),
        InterruptGuard() as guard,
    ):
        return _train(find_start(config), guard, since)


def _train(
    begin: Start, guard: InterruptGuard, since: float
) -> tuple[Evaluation, Path]:
    config, workdir = begin.config, begin.config.run.workdir
    inputs = open_inputs(config)
    once(lambda: open_workdir(config))
    stacks = workdir / f"hang-{jax.process_index()}.txt"
    hang = HangDetector(config.run.hang_seconds, stacks)
    with (
        hold_workdir(workdir) if is_first() else contextlib.nullcontext(),
        hang,
        Report(config, since=since, speaks=is_first()) as report,
    ):
        with open_run(config, *inputs) as run:
            report.goodput.at("restore")
            state, card = run.restore(begin.params)
            # The host's copy of the weights is not kept for the whole run.
            begin = dataclasses.replace(begin, params=None)
            report.begin(int(state.step), state.params)
            if begin.told:
                report.say(begin.told)
            if decoder := run.train.decoder:
                report.say(f"images are decoded by {decoder}")
            training = Training(run, report, guard, hang, card)
            state = training.take_steps(state)
            report.say_broken(run.feed.batches.broken)
        training.at("evaluation", int(state.step))
        params = state.ema or state.params
        evaluation = run.evaluate(params)
        training.at("save", int(state.step))
        released = make_release(run, params)
        if is_first():
            save_release(workdir / "model", released)
            draw_curves(workdir)
    return evaluation, workdir / "model"


class Training:
    """The steps of one start of a run.

    Args:
      card: what the checkpoint says of the steps before; see `_save`.
    """

    def __init__(
        self,
        run: Run,
        report: Report,
        guard: InterruptGuard,
        hang: HangDetector,
        card: dict[str, Any],
    ) -> None:
        self.run, self.report, self.config, self.hang = run, report, run.config, hang
        self.agreement = Agreement(guard)
        self.streak = Streak(self.config.run.max_bad_steps)
        self.streak.steps = [tuple(place) for place in card.get("bad", [])]
        self.rewinds: int = card.get("rewinds", 0)
        self.step = make_step(self.config, run.pixels, run.mesh)
        self.hashes = self.config.run.workdir / HASHES

    def at(self, phase: str, step: int) -> None:
        """Says what the run does from now on."""
        self.hang.at(PLACES[phase], step)
        self.report.goodput.at(phase)

    def take_steps(self, state: TrainState) -> TrainState:
        """Returns the state behind the last step; tells and saves on the way.

        Raises:
          Interrupted, DivergedError: see `train`.
        """
        every, start = self.config.run, int(state.step)
        self._drop_hashes(start)
        done, pending = start, list[Taken]()
        while done < every.steps:
            batch_number = self.run.feed.number
            self.at("data", done + 1)
            batch = self.run.feed.take(stop=self.agreement.guard.number)
            self.report.end_wait()
            self.at("steps" if done > start else "compile", done + 1)
            with self.report.trace.of(done - start + 1):
                state, metrics = self.step(state, batch, self.run.teacher)
            done += 1
            pending.append(Taken(done, batch_number, metrics))
            self.report.pace.add(metrics["loss"])
            if done == start + 1:
                self.report.pace.drain()
                self.report.say_compiled(done)
            stopped_by = self.agreement.decide(metrics["stop"])
            last = done == every.steps
            evaluates = last or done % every.eval_every_steps == 0
            save = done % every.save_every_steps == 0
            save = save or (evaluates and every.keep_best > 0)
            ends = last or stopped_by
            # What is not finite is noticed here, before it is evaluated or saved.
            if ends or save or evaluates or done % every.log_every_steps == 0:
                self.report.pace.drain()
                self._tell(done, fetch(pending))
                pending = []
                if self.streak.is_over:
                    state = self._go_back()
                    done = int(state.step)
                    continue
            top1 = self._evaluate(done, state) if evaluates else None
            # Last of all: what stands in the metrics up to here is never done again.
            # A state that gives nothing finite is not one to go back to.
            if ends or (save and not self.streak.steps):
                self._save(done, state, top1)
            if stopped_by:
                raise Interrupted(stopped_by, done)
        return state

    def _tell(self, done: int, taken: list[Taken]) -> None:
        """Writes the metrics of steps, and a record of each that began a bad streak."""
        self.report.write_train(done, find_means(taken))
        by_step = {each.step: each.metrics for each in taken}
        for step, batch in self.streak.see(taken):
            metrics = by_step[step]
            path = is_first() and write_record(
                self.config.run.workdir,
                step=step,
                batch=batch,
                loss=float(metrics["loss"]),
                grad_norm=float(metrics["grad_norm"]),
                passed=tuple(sorted(self.run.feed.passed)),
                plan=self.run.feed.batches.plan,
                source=self.run.train.source,
            )
            told = f"; {path} tells its images" if path else ""
            self.report.say(
                f"step {step}: loss {metrics['loss']:g}, gradients"
                f" {metrics['grad_norm']:g}; the step changes nothing{told}"
            )

    def _go_back(self) -> TrainState:
        """Returns the state before a streak, whose batches are passed from now on."""
        steps, limit = self.streak.steps, self.config.run.max_rewinds
        first = steps[0][0]
        if self.rewinds >= limit:
            raise DivergedError.after(self.rewinds, steps, self.config.run.workdir)
        self.rewinds += 1
        passed = set(self.run.feed.passed)
        self.report.goodput.at("restore")
        state, _ = self.run.restore(at_most=first - 1)
        back = int(state.step)
        self.run.checkpoints.drop(after=back)
        batches = [batch for _, batch in steps]
        self.run.feed.pass_over(passed.union(batches))
        self.streak.steps.clear()
        self._drop_hashes(back)
        self.report.go_back(back)
        self.report.say(
            f"back to step {back}; batches {batches[0]} to {batches[-1]} are passed"
            f" ({self.rewinds} of {limit} times)"
        )
        return state

    def _evaluate(self, done: int, state: TrainState) -> float:
        """Returns the held-out accuracy of what will be released."""
        self.at("evaluation", done)
        found = self.run.evaluate(state.params)
        self.report.write_eval(done, found)
        if state.ema:
            found = self.run.evaluate(state.ema)
            self.report.write_eval(done, found, of="ema")
        if done == self.config.run.steps and not math.isfinite(found.loss):
            raise DivergedError(f"at its end the held-out loss is {found.loss:g}.")
        return found.top1

    def _save(self, done: int, state: TrainState, top1: float | None) -> None:
        """Saves a state, with hashes of all that is in it."""
        self.at("save", done)
        arrays = fingerprint(state)
        card = {
            **self.run.describe(),
            "hash": whole_hash(arrays),
            "bad": self.streak.steps,
            "rewinds": self.rewinds,
        }
        line = {"step": done, "hash": card["hash"], "arrays": arrays}
        if is_first():
            add_line(self.hashes, line)
        self.run.checkpoints.save(done, state, card, top1=top1)
        self.report.goodput.save(done)
        # What comes between is not training.
        self.report.restart_clock(done)

    def _drop_hashes(self, after: int) -> None:
        if is_first():
            drop_lines(self.hashes, after=after)
