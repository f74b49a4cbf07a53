"""A trace of some steps by JAX's profiler."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import jax

FOLDER = "profile"
_NOTHING = contextlib.nullcontext()


class Trace:
    """Traces steps of one start of a run, by their number in it; the first is 1.

    Args:
      steps: first and last; None traces none, and costs nothing.
      drain: waits for the steps on their way, so that only those asked for are traced.
      say: tells a line.
    """

    def __init__(
        self,
        steps: tuple[int, int] | None,
        folder: Path,
        *,
        drain: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self.steps, self.folder, self.drain, self.say = steps, folder, drain, say
        self.runs = False

    def of(self, number: int) -> contextlib.AbstractContextManager[object]:
        """Returns what a step is taken in."""
        if self.steps is None:
            return _NOTHING
        first, last = self.steps
        if number == first:
            self.drain()
            jax.profiler.start_trace(self.folder)
            self.runs = True
        elif number == last + 1:
            self.close()
        if not self.runs:
            return _NOTHING
        return jax.profiler.StepTraceAnnotation("train", step_num=number)

    def close(self) -> None:
        """Ends a trace that runs, and says how to look at it."""
        if self.runs:
            self.runs = False
            self.drain()
            jax.profiler.stop_trace()
            self.say(
                f"a trace of steps lies in {self.folder}: `pip install xprof; xprof"
                f" {self.folder}`, or open its trace.json.gz at ui.perfetto.dev"
            )
