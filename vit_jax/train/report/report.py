"""Report: what a run tells, and when."""

import math
import sys
import time
from collections.abc import Iterable

from tqdm import tqdm

from vit_jax.data.broken import BrokenImages
from vit_jax.evaluate import Evaluation
from vit_jax.train.config import TrainConfig
from vit_jax.train.report.curves import Redrawing
from vit_jax.train.report.goodput import Goodput, clock
from vit_jax.train.report.memory import find_memory
from vit_jax.train.report.mfu import Utilization, find_utilization
from vit_jax.train.report.pace import Pace, find_percentiles
from vit_jax.train.report.sinks import Sink, open_sinks
from vit_jax.train.report.trace import FOLDER, Trace

# Steps that wait for the device, each with its batch in memory: enough to keep it busy,
# few enough to stop soon when a signal comes.
AHEAD = 4


class Report:
    """Writes and shows the metrics of one start of a run.

    Args:
      since: when the start began, as time.perf_counter tells it; None for now.
      speaks: False writes and shows nothing: of many processes one does.
    """

    def __init__(
        self, config: TrainConfig, *, since: float | None = None, speaks: bool = True
    ):
        self.config, self.speaks = config, speaks
        self.workdir, self.steps = config.run.workdir, config.run.steps
        self.goodput = Goodput(self.workdir, since=since, speaks=speaks)
        self.pace = Pace(AHEAD)
        traced = config.run.profile if speaks else None
        self.trace = Trace(
            traced, self.workdir / FOLDER, drain=self.pace.drain, say=self.say
        )
        self.curves = Redrawing(self.workdir)
        self.sinks: list[Sink] = []
        self.utilization: Utilization | None = None
        self.bar = None

    def begin(self, start: int, names: Iterable[str]) -> None:
        """Says what the run goes on with.

        Args:
          start: steps that were done before; what an earlier start wrote of later
            steps is dropped, since those are taken again.
          names: of all parameters.
        """
        self.start = self.done = start
        self.goodput.at("start_up")
        if self.speaks:
            self.utilization = find_utilization(self.config, names)
            self.sinks = open_sinks(self.config, start)
            # A bar where a person looks, lines where a file or a pipe does.
            if sys.stderr.isatty():
                self.bar = tqdm(
                    total=self.steps,
                    initial=start,
                    bar_format="{percentage:3.0f}% |{bar:24}| step {n}/{total} {desc}",
                )
            self.say(str(self.utilization))
        if start:
            self.say(f"resumed at step {start}/{self.steps}")
        self.goodput.resume(start)
        self.restart_clock(start)

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.trace.close()
        self.curves.close()
        for sink in self.sinks:
            sink.close()
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        if self.sinks and self.done > self.start:
            # A disk that is full has been told, and would only fail again.
            if kind is None or not issubclass(kind, OSError):
                self.goodput.close(self.done)
            self.say(str(self.goodput))

    def restart_clock(self, step: int) -> None:
        """Counts images per second from here: what came between is not training."""
        self.clock, self.clock_step = time.perf_counter(), step
        self.waited = self.goodput.seconds["data"]
        self.pace.restart()

    def end_wait(self) -> None:
        """Says that a batch came; it was waited for if the devices had run dry."""
        if self.pace.is_busy():
            self.goodput.instead("steps")

    def write_train(self, step: int, metrics: dict[str, float]) -> None:
        """Writes the means over the steps since the last call, and shows them."""
        self.done = step
        shown = f"loss {metrics['train/loss']:.4f}"
        taken = step - self.clock_step
        if taken:  # none where the step that was compiled is all there is to tell of
            measured, told = self._measure(step, taken)
            metrics |= {f"train/{name}": value for name, value in measured.items()}
            shown += told
        self._write(step, metrics)
        if self.bar is None:
            self.say(f"step {step}/{self.steps}  {shown}")
        else:
            self.bar.set_description_str(shown, refresh=False)
            self.bar.update(step - self.bar.n)
        self.goodput.write_sometimes()
        self.restart_clock(step)

    def _measure(self, step: int, taken: int) -> tuple[dict[str, float], str]:
        """Returns how fast the last steps were, and the same in words."""
        seconds = time.perf_counter() - self.clock
        rate = self.config.data.batch_size * taken / seconds
        wait = (self.goodput.seconds["data"] - self.waited) / seconds
        left = seconds / taken * (self.steps - step)
        found = {"images_per_second": rate, "data_wait": wait, "seconds_left": left}
        told = f"  {rate:,.0f} images/s"
        if self.utilization is not None:
            found["mfu"] = self.utilization.at(rate)
            told += f"  MFU {100 * found['mfu']:.1f} %"
        told += f"  data wait {100 * wait:.0f} %  {clock(left)} left"
        if self.speaks:
            found |= find_percentiles(self.pace.seconds) | find_memory()
        return found, told

    def say_broken(self, broken: BrokenImages) -> None:
        """Says how many images could not be read, if any."""
        if len(broken):
            self.say(f"{len(broken)} images could not be read and were replaced")

    def go_back(self, step: int) -> None:
        """Drops what was written of later steps, which are taken again."""
        for sink in self.sinks:
            sink.go_back(step)
        if self.bar is not None:
            self.bar.update(step - self.bar.n)
        self.goodput.at("steps")
        self.goodput.go_back(step)
        self.restart_clock(step)

    def write_eval(self, step: int, found: Evaluation, *, of: str = "") -> None:
        """Writes what an evaluation found, shows it, and has the curves redrawn.

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
        if self.speaks:
            self.curves.draw()
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
        for sink in self.sinks:
            sink.write(step, finite)
