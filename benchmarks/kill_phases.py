"""One start of a run, and the phases in which a kill finds it."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAVE, EVAL = 40, 60
OPTIONS = {
    "run.log-every-steps": 2,
    "run.save-every-steps": SAVE,
    "run.eval-every-steps": EVAL,
    "run.keep-best": 1,
    "optim.ema-decay": 0.99,
}
# A start that takes longer hangs.
SECONDS = 300.0
# Each phase, and for how many seconds at most a kill waits in it.
PHASES = {
    "start-up: imports": 2.0,
    "start-up: the state is read": 0.3,
    "start-up: the first step is compiled": 1.0,
    "steps, no save under way": 0.02,
    "an evaluation": 0.02,
    "a save: arrays are written": 0.15,
    "a save: its card and manifest": 0.0,
    "a save: flushed, then renamed": 0.03,
    "a save: an older one is removed": 0.0,
    "the release": 0.04,
    "the curves, behind the release": 0.5,
}
IMPORTS, RESTORE, COMPILE, STEPS, EVALUATION, *SAVES, RELEASE, CURVES = PHASES
ARRAYS, SEAL, FLUSH, REMOVE = SAVES
START_UP, ENDING = (IMPORTS, RESTORE, COMPILE), (RELEASE, CURVES)


@dataclasses.dataclass(frozen=True, order=True)
class Aim:
    """Where a kill shall fall."""

    at_end: bool
    step: int
    """The first that may be hit."""
    phase: str
    delay: float
    """Seconds from where the phase is seen."""


class Start:
    """One start of a run: its process, and what it has told."""

    def __init__(self, folder: Path, steps: int, cache: Path | None) -> None:
        self.folder, self.steps, self.since = folder, steps, time.time()
        self.first, self.step, self.compiled, self.evaluates = -1, 0, False, False
        self.out, self.err = (folder.with_suffix(end) for end in (".out", ".err"))
        self.heard = 0
        options = {**OPTIONS, "run.steps": steps, "run.workdir": folder}
        given = [f"--{name}={value}" for name, value in options.items()]
        with self.out.open("w") as told, self.err.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "train.py", "tests/train/recipe.py", *given],
                cwd=ROOT,
                env=make_environment(cache),
                stdout=told,
                stderr=errors,
            )

    def kill(self, aim: Aim) -> str:
        """Kills the process; returns the phase it was in, '' if it had ended."""
        while self.process.poll() is None:
            phase = self.judge()
            early = aim.phase in START_UP
            if phase == aim.phase and (early or self.step >= aim.step):
                break
            if early and phase not in START_UP:  # it was over before it was seen
                break
            if time.time() > self.since + SECONDS:
                break
            idle = phase in START_UP and aim.phase not in START_UP
            time.sleep(0.01 if idle else 0.0005)
        time.sleep(aim.delay)
        self.process.kill()
        killed = self.process.wait() == -signal.SIGKILL
        return self.judge() if killed else ""

    def find_fault(self, *, killed: bool) -> str:
        """Waits for the end; returns what is wrong with it, '' if nothing is."""
        code = self.process.wait(SECONDS)
        self.judge()
        hung = time.time() > self.since + SECONDS
        errors = self.err.read_text()
        loud = re.search("Traceback|error|damaged|Exception|fatal", errors, re.I)
        if code == (-signal.SIGKILL if killed else 0) and not loud and not hung:
            return ""
        told = "hung, " if hung else ""
        return f"{told}steps {self.first} to {self.step}, exit code {code}\n{errors}"

    def judge(self) -> str:
        """Returns the phase that the process is in, or was in when it was killed."""
        self._listen()
        if self.first < 0:
            return RESTORE if self._has(".lock") else IMPORTS
        if self.first < self.steps and not self.compiled:
            return COMPILE
        if self._has(".model.part") or self._has(".model.old"):
            return RELEASE
        if self._has("model"):
            return CURVES
        if self.evaluates:
            return EVALUATION
        if phase := self._judge_save():
            return phase
        ended = (self.folder / "checkpoints" / str(self.steps)).exists()
        return EVALUATION if ended else STEPS

    def _listen(self) -> None:
        """Takes up the lines that were told since the last time."""
        with self.out.open("rb") as file:
            file.seek(self.heard)
            told = file.read()
        whole = told[: told.rfind(b"\n") + 1]
        self.heard += len(whole)
        for line in whole.decode().splitlines():
            if found := re.match(r"resumed at step (\d+)", line):
                self.first = self.step = int(found[1])
            elif found := re.match(r"step (\d+)/", line):
                self.step, self.first = int(found[1]), max(self.first, 0)
                self.compiled = True
                # Told before its evaluation, and last of all that of the EMA.
                over = line.endswith("(ema)")
                self.evaluates = self.step % EVAL == 0 and not over

    def _judge_save(self) -> str:
        """Returns which part of a save is under way, '' if none."""
        folder = self.folder / "checkpoints"
        try:
            names = os.listdir(folder)
            part = next((name for name in names if name.endswith(".part")), "")
            files = os.listdir(folder / part) if part else []
        except FileNotFoundError:  # renamed just now
            return ""
        if not part:
            return ""
        step = int(part.removesuffix(".part"))
        if any(name.isdecimal() and int(name) > step for name in names):
            return REMOVE
        if "state" not in files:
            return ARRAYS
        return FLUSH if "manifest.json" in files else SEAL

    def _has(self, name: str) -> bool:
        """Returns whether this start, no earlier one, has made something."""
        try:
            return (self.folder / name).stat().st_mtime >= self.since
        except FileNotFoundError:
            return False


def make_environment(cache: Path | None) -> dict[str, str]:
    """Returns the environment of a start; without a cache, none is used."""
    names = ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR")
    environment = {k: v for k, v in os.environ.items() if k not in names}
    environment["JAX_PLATFORMS"] = "cpu"
    environment["JAX_ENABLE_COMPILATION_CACHE"] = str(int(cache is not None))
    if cache is not None:
        environment["JAX_COMPILATION_CACHE_DIR"] = str(cache)
        environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    return environment
