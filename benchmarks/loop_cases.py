"""What benchmarks/loop_costs.py measures: steps, saves and restarts of a ViT."""

import contextlib
import dataclasses
import io
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np

import vit_jax.train.loop as loop
from benchmarks.kill_phases import ROOT, make_environment
from vit_jax.checkpoint import Checkpoints
from vit_jax.data.sources import Digits
from vit_jax.presets import find_preset
from vit_jax.train.config import DataConfig, OptimConfig, RunConfig, TrainConfig
from vit_jax.train.fingerprint import fingerprint, whole_hash
from vit_jax.train.mesh import make_mesh, place
from vit_jax.train.report.report import Report
from vit_jax.train.step import Step, TrainState, init_state, make_step

WINDOW, WINDOWS = 20, 12
RECIPE = """
from vit_jax.presets import find_preset
from vit_jax.train.config import DataConfig, RunConfig, TrainConfig

def get_config():
    model = find_preset("vit_tiny_patch16_224").config
    model = model.replace(in_channels=1, num_classes=10)
    data = DataConfig(batch_size=2, eval_batch_size=2, resize="squash")
    run = RunConfig(steps=1000, log_every_steps=1)
    return TrainConfig(model=model, data=data, run=run)
"""


def make_config(preset: str, workdir: Path) -> TrainConfig:
    """Returns a run of digits made one patch large."""
    model = find_preset(preset).config
    model = model.replace(image_size=16, in_channels=1, num_classes=10)
    steps = WINDOW * WINDOWS
    return TrainConfig(
        model=model,
        data=DataConfig(batch_size=1, eval_batch_size=360, resize="squash"),
        optim=OptimConfig(warmup_steps=1),
        run=RunConfig(
            workdir=workdir,
            steps=steps,
            log_every_steps=WINDOW,
            eval_every_steps=steps,
            save_every_steps=steps,
        ),
    )


def open_step(config: TrainConfig) -> tuple[Step, TrainState, Any]:
    """Returns the compiled step, the state behind its first call, and a batch."""
    mesh = make_mesh(config.mesh, config.data.batch_size)
    shape = (config.data.batch_size, *config.model.image_shape)
    draw = np.random.default_rng(0)
    batch = {
        "image": draw.integers(0, 256, shape).astype(np.uint8),
        "label": np.zeros(shape[0], np.int32),
        "real": np.ones(shape[0], bool),
        "stop": np.zeros(shape[0], np.int32),
    }
    step = make_step(config, Digits("train").pixels, mesh)
    batch = place(batch, mesh)
    state, _ = step(init_state(config, mesh), batch)
    return step, jax.block_until_ready(state), batch


def measure_calls(config: TrainConfig) -> list[float]:
    """Returns the main thread's CPU seconds from each batch to its metrics."""
    step, state, batch = open_step(config)
    seconds: list[float] = []
    for done in range(WINDOW * WINDOWS):
        since = time.thread_time()
        state, metrics = step(state, batch)
        seconds.append(time.thread_time() - since)
        if done % WINDOW == 0:
            jax.block_until_ready(metrics)
    return seconds


def measure_loop(config: TrainConfig) -> list[float]:
    """Returns the main thread's CPU seconds a step, of all that the loop does."""
    marks: list[tuple[int, float]] = []

    class Marking(Report):
        def write_train(self, step: int, metrics: dict[str, float]) -> None:
            super().write_train(step, metrics)
            marks.append((step, time.thread_time()))

    silent = contextlib.redirect_stdout(io.StringIO())
    with mock.patch.object(loop, "Report", Marking), silent:
        loop.train(config)
    pairs = zip(marks[1:], marks[:-1], strict=True)
    return [(b - a) / (done - before) for (done, b), (before, a) in pairs]


@dataclasses.dataclass
class Saves:
    """Seconds of each of several saves, and of the steps about them."""

    hashed: list[float] = dataclasses.field(default_factory=list[float])
    copied: list[float] = dataclasses.field(default_factory=list[float])
    written: list[float] = dataclasses.field(default_factory=list[float])
    """From the call to the rename."""
    slower: list[float] = dataclasses.field(default_factory=list[float])
    """By so much longer all steps together took that were taken meanwhile."""
    quiet: list[float] = dataclasses.field(default_factory=list[float])
    busy: list[float] = dataclasses.field(default_factory=list[float])
    """Steps without a write, and with one."""
    size: int = 0
    """Bytes of the state."""


def measure_saves(config: TrainConfig, rounds: int) -> Saves:
    """Returns the costs of saves, but for a first one, which compiles."""
    step, state, batch = open_step(config)
    found = Saves(size=sum(leaf.nbytes for leaf in jax.tree.leaves(state)))
    folder = config.run.workdir / "checkpoints"
    with Checkpoints(folder, keep=2) as checkpoints:
        for number in range(rounds + 1):
            if number == 1:
                found = Saves(size=found.size)
            state, quiet = take_steps(step, state, batch, count=10)
            since = time.perf_counter()
            card = {"hash": whole_hash(fingerprint(state))}
            hashed = time.perf_counter()
            checkpoints.save(number, state, card)
            saved, busy = time.perf_counter(), list[float]()
            while not (folder / str(number)).exists():
                state, seconds = take_steps(step, state, batch, count=1)
                busy += seconds
            found.written.append(time.perf_counter() - hashed)
            checkpoints.wait()
            found.hashed.append(hashed - since)
            found.copied.append(saved - hashed)
            found.slower.append(sum(busy) - len(busy) * statistics.median(quiet))
            found.quiet += quiet
            found.busy += busy
    return found


def take_steps(
    step: Step, state: TrainState, batch: Any, *, count: int
) -> tuple[TrainState, list[float]]:
    """Returns the state behind some steps, and the seconds of each."""
    seconds: list[float] = []
    for _ in range(count):
        since = time.perf_counter()
        state, _ = step(state, batch)
        jax.block_until_ready(state)
        seconds.append(time.perf_counter() - since)
    return state, seconds


def measure_start(folder: Path, cache: Path | None) -> float:
    """Returns the seconds from a process's start to the end of its first step.

    It is ended as by a cluster, so that the next start goes on.
    """
    recipe = folder / "recipe.py"
    recipe.write_text(RECIPE)
    command = [sys.executable, "train.py", recipe, "--run.workdir", folder / "run"]
    since, pipe = time.perf_counter(), subprocess.PIPE
    environment = make_environment(cache)
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True
    ) as child:
        assert child.stdout
        for line in child.stdout:
            if re.match(r"step \d+/\d+  compiled", line):
                break
        seconds = time.perf_counter() - since
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate()
    if child.returncode != 128 + signal.SIGTERM:
        sys.exit(f"exit code {child.returncode}: {errors}")
    return seconds
