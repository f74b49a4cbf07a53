"""One contestant of benchmarks.speed, in a process of its own.

It builds a model with random weights, takes a first step, which compiles, tells its
seconds and the speed of a matrix product as a line of JSON, and then, for each line
that it reads, takes one step more to be warm again, some steps, and tells theirs.
"""

import dataclasses
import importlib.metadata
import json
import platform
import resource
import signal
import subprocess
import sys
import time
from typing import Any


@dataclasses.dataclass
class Found:
    """What one contestant did in one case."""

    name: str
    fault: str = ""
    compile_seconds: float = 0.0
    versions: str = ""
    """Of Python and of what computes."""
    memory: float = 0.0
    """Bytes at the peak: of the device where it tells, else of the process."""
    ceiling: float = 0.0
    """FLOP/s of a matrix product."""
    seconds: list[float] = dataclasses.field(default_factory=list[float])
    """A step, round by round."""


class Child:
    """A contestant's process, as its parent sees it: it answers a line with a line.

    Between its answers it is stopped: torch's threads spin for 0.2 s behind a step, at
    the expense of whoever comes next.
    """

    def __init__(self, name: str, case: dict[str, Any], python: str) -> None:
        command = [python, "-m", "benchmarks.speed_child", name, json.dumps(case)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def ask(self, line: str) -> dict[str, Any]:
        """Returns the answer; a fault where the process died."""
        assert self.process.stdin is not None
        self.process.send_signal(signal.SIGCONT)
        try:
            print(line, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return self.hear()
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """Returns the next line that is an answer; a fault where there is none."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                self.process.send_signal(signal.SIGSTOP)
                return json.loads(line)
        told = self.process.stderr.read().strip().splitlines()
        return {"fault": told[-1] if told else "the process ended without a word"}

    def end(self) -> None:
        """Ends the process, which frees its memory."""
        self.process.kill()
        self.process.communicate()


def main() -> None:
    """Serves one contestant until its input ends."""
    from benchmarks.speed_jax import JAX_CONTESTANTS
    from benchmarks.speed_torch import TORCH_CONTESTANTS

    name, case = sys.argv[1], json.loads(sys.argv[2])
    run, ceiling, memory = {**JAX_CONTESTANTS, **TORCH_CONTESTANTS}[name](case)
    since = time.perf_counter()
    run(1)
    compiled = time.perf_counter() - since
    hello = {"compile": compiled, "ceiling": ceiling(), "versions": _versions()}
    print(json.dumps(hello), flush=True)
    for _ in sys.stdin:
        run(1)
        since = time.perf_counter()
        run(case["steps"])
        seconds = (time.perf_counter() - since) / case["steps"]
        told = {"seconds": seconds, "memory": memory() or _peak_memory()}
        print(json.dumps(told), flush=True)


def _versions() -> str:
    names = [name for name in ("jax", "torch") if name in sys.modules]
    told = [f"{name} {importlib.metadata.version(name)}" for name in names]
    return ", ".join([f"Python {platform.python_version()}", *told])


def _peak_memory() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
