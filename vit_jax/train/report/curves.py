"""A picture of the curves, redrawn as a run goes."""

import threading
import time
from pathlib import Path

from vit_jax.train.report.sinks import read_metrics

CURVES = "curves.png"
_EVERY_SECONDS = 60.0


class Redrawing:
    """Draws the curves in a thread of its own, at most once a minute.

    The first time is a minute after the start: drawing takes a third of a second, and
    the first needs Matplotlib besides.
    """

    def __init__(self, workdir: Path, *, every_seconds: float = _EVERY_SECONDS) -> None:
        self.workdir, self.every = workdir, every_seconds
        self.last = time.perf_counter()
        self.thread: threading.Thread | None = None

    def draw(self) -> None:
        """Draws, unless it was done a short time ago; returns at once."""
        now = time.perf_counter()
        busy = self.thread is not None and self.thread.is_alive()
        if busy or now - self.last < self.every:
            return
        self.last = now
        self.thread = threading.Thread(
            target=draw_curves, args=(self.workdir,), daemon=True
        )
        self.thread.start()

    def close(self) -> None:
        """Waits for a picture that is being drawn."""
        if self.thread is not None:
            self.thread.join()


def draw_curves(workdir: Path) -> Path:
    """Draws loss, accuracy, learning rate and gradient norm by step.

    Returns:
      the picture's path; there is a whole picture at any time.
    """
    import matplotlib.figure
    import matplotlib.ticker

    lines = read_metrics(workdir)

    def curve(name: str, factor: float = 1) -> tuple[list[int], list[float]]:
        points = [(line["step"], factor * line[name]) for line in lines if name in line]
        return [step for step, _ in points], [value for _, value in points]

    figure = matplotlib.figure.Figure(figsize=(9, 5), layout="constrained", dpi=120)
    panels = figure.subplots(2, 2, height_ratios=(3.5, 1.5), sharex=True)
    loss, accuracy, rate, norm = panels.flat
    loss.plot(*curve("train/loss"), label="training (augmented, smoothed)", alpha=0.8)
    loss.plot(*curve("eval/loss"), label="held out", marker=".")
    loss.set(ylabel="cross-entropy (nats)", ylim=(0, None))
    loss.legend(frameon=False)
    accuracy.plot(*curve("train/top1", 100), label="training (as augmented)", alpha=0.8)
    steps, top1 = curve("eval/top1", 100)
    accuracy.plot(steps, top1, label="held out", marker=".")
    accuracy.set(ylabel="accuracy (%)", ylim=(0, 100))
    accuracy.legend(frameon=False, loc="lower right")
    if top1:
        accuracy.set_title(
            f"held out: {top1[-1]:.2f} % at step {steps[-1]}", fontsize=10
        )
    rate.plot(*curve("train/learning_rate"), color="C2")
    rate.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
    norm.plot(*curve("train/grad_norm"), color="C3", linewidth=1)
    norm.set(xlabel="step", ylabel="gradient norm", yscale="log")
    norm.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    norm.yaxis.set_major_formatter("{x:g}")
    norm.yaxis.set_minor_formatter("")
    for axes in panels.flat:
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    path = workdir / CURVES
    part = path.with_suffix(".part.png")
    figure.savefig(part)
    part.replace(path)
    return path
