"""What a run tells: a progress bar or lines, metrics.jsonl, a picture of the curves."""

import contextlib
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vit_jax.data.broken import BrokenImages
from vit_jax.evaluate import Evaluation
from vit_jax.train.config import TrainConfig
from vit_jax.train.step_lines import add_line, drop_lines, read_lines

METRICS = "metrics.jsonl"
CURVES = "curves.png"


class Report:
    """Writes and shows the metrics of one run.

    Args:
      start: steps that were done before; lines that an earlier start of the run wrote
        for later steps are dropped, since those steps are taken again.
      speaks: False writes and shows nothing: of many processes one does.
    """

    def __init__(self, config: TrainConfig, *, start: int, speaks: bool = True):
        self.speaks = speaks
        workdir, self.steps = config.run.workdir, config.run.steps
        self.path, self.batch_size = workdir / METRICS, config.data.batch_size
        if speaks:
            drop_lines(self.path, after=start)
        # A bar where a person looks, lines where a file or a pipe does.
        self.bar = None
        if speaks and sys.stderr.isatty():
            self.bar = tqdm(
                total=self.steps,
                initial=start,
                bar_format="{percentage:3.0f}% |{bar:24}| step {n}/{total} {desc}",
            )
        if start:
            self.say(f"resumed at step {start}/{self.steps}")
        self.restart_clock(start)

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def restart_clock(self, step: int) -> None:
        """Counts images per second from here: what came between is not training."""
        self.clock, self.clock_step, self.waited = time.perf_counter(), step, 0.0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time in here as waiting for data."""
        since = time.perf_counter()
        yield
        self.waited += time.perf_counter() - since

    def write_train(self, step: int, metrics: dict[str, float]) -> None:
        """Writes the means over the steps since the last call, and shows them."""
        shown = f"loss {metrics['train/loss']:.4f}"
        taken = step - self.clock_step
        if taken:  # none where the step that was compiled is all there is to tell of
            seconds = (time.perf_counter() - self.clock) / taken
            rate, left = self.batch_size / seconds, int(seconds * (self.steps - step))
            wait = self.waited / (seconds * taken)
            metrics |= {"train/images_per_second": rate, "train/data_wait": wait}
            shown += f"  {rate:,.0f} images/s  data wait {100 * wait:.0f} %"
            shown += f"  {left // 60}:{left % 60:02d} left"
        self._write(step, metrics)
        if self.bar is None:
            self.say(f"step {step}/{self.steps}  {shown}")
        else:
            self.bar.set_description_str(shown, refresh=False)
            self.bar.update(step - self.bar.n)
        self.restart_clock(step)

    def say_broken(self, broken: BrokenImages) -> None:
        """Says how many images could not be read, if any."""
        if len(broken):
            self.say(f"{len(broken)} images could not be read and were replaced")

    def go_back(self, step: int) -> None:
        """Drops what was written of later steps, which are taken again."""
        if self.speaks:
            drop_lines(self.path, after=step)
        if self.bar is not None:
            self.bar.update(step - self.bar.n)
        self.restart_clock(step)

    def write_eval(self, step: int, found: Evaluation, *, of: str = "") -> None:
        """Writes what an evaluation found, and shows it.

        Args:
          of: what was evaluated beside the parameters themselves, such as ema.
        """
        name = f"eval/{of}_" if of else "eval/"
        self._write(step, {f"{name}top1": found.top1, f"{name}loss": found.loss})
        told = f" ({of})" if of else ""
        self.say(
            f"step {step}/{self.steps}  held-out accuracy {100 * found.top1:.2f} %"
            f"  loss {found.loss:.4f}{told}"
        )
        self.restart_clock(step)

    def say(self, line: str) -> None:
        """Prints a line, above the bar if there is one."""
        if self.bar is None:
            if self.speaks:
                print(line, flush=True)  # noqa: T201
        else:
            self.bar.write(line)

    def say_compiled(self, step: int) -> None:
        """Tells how long the first step took, which is mostly the compiler's time."""
        seconds = time.perf_counter() - self.clock
        self.say(f"step {step}/{self.steps}  compiled in {seconds:.1f} s")
        self.restart_clock(step)

    def _write(self, step: int, metrics: dict[str, float]) -> None:
        finite = {name: v for name, v in metrics.items() if math.isfinite(v)}
        line = {"step": step, **{k: float(f"{v:.9g}") for k, v in finite.items()}}
        if self.speaks:
            add_line(self.path, line)


def read_metrics(workdir: Path) -> list[dict[str, Any]]:
    """Returns the lines of a run's metrics."""
    return read_lines(workdir / METRICS)


def draw_curves(workdir: Path) -> Path:
    """Draws loss and accuracy by step; returns the picture's path."""
    import matplotlib.figure

    lines = read_metrics(workdir)

    def curve(name: str, factor: float = 1) -> tuple[list[int], list[float]]:
        points = [(line["step"], factor * line[name]) for line in lines if name in line]
        return [step for step, _ in points], [value for _, value in points]

    figure = matplotlib.figure.Figure(figsize=(9, 3.5), layout="constrained", dpi=120)
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(*curve("train/loss"), label="training (augmented, smoothed)", alpha=0.8)
    loss.plot(*curve("eval/loss"), label="held out", marker=".")
    loss.set(xlabel="step", ylabel="cross-entropy (nats)", ylim=(0, None))
    loss.legend(frameon=False)
    steps, top1 = curve("eval/top1", 100)
    accuracy.plot(steps, top1, color="C1", marker=".")
    accuracy.set(xlabel="step", ylabel="held-out accuracy (%)")
    if top1:
        lowest = 90 if max(top1) > 95 else 0
        accuracy.set_ylim(lowest, 100)
        accuracy.set_title(f"{top1[-1]:.2f} % at step {steps[-1]}", fontsize=10)
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    path = workdir / CURVES
    part = path.with_suffix(".part.png")
    figure.savefig(part)
    part.replace(path)
    return path
