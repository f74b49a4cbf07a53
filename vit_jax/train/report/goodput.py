"""Goodput: the share of a run's time that went into steps which count.

The time between the starts of a run is not counted.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

GOODPUT = "goodput.json"
PHASES = {
    "start_up": "start-up",
    "restore": "restore",
    "compile": "compile",
    "data": "data wait",
    "steps": "steps",
    "evaluation": "evaluation",
    "save": "saves",
    "lost": "lost",
}
"""data wait is the time in which neither a batch nor work for the devices was there.
lost is all that was spent after the state that was gone back to: after a kill, or
after steps that were not finite. The first step counts as compile; an evaluation's own
compilation counts as evaluation."""
# Of so many saves it is known what had been spent until then.
_SAVES = 50


class Goodput:
    """Seconds of a run by what they went into, over all its starts.

    They lie in a file that is written at most once a second, and at each save: after
    kill -9 it lacks what came after.

    Args:
      since: when this start began, as time.perf_counter tells it; None for now.
      speaks: False writes nothing.
    """

    def __init__(
        self, workdir: Path, *, since: float | None = None, speaks: bool = True
    ) -> None:
        self.path, self.speaks = workdir / GOODPUT, speaks
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.saved: dict[int, dict[str, float]] = {}
        self.starts = 1
        self.phase = "start_up"
        self.last = time.perf_counter() if since is None else since
        self.written = 0.0

    def at(self, phase: str) -> None:
        """Says what the time from now on goes into."""
        now = time.perf_counter()
        self.seconds[self.phase] += now - self.last
        self.phase, self.last = phase, now

    def instead(self, phase: str) -> None:
        """Says what the time since `at` went into instead."""
        self.phase = phase

    def resume(self, step: int) -> None:
        """Adds what earlier starts spent, as this one goes on behind a step."""
        self.at(self.phase)
        past = _read(self.path)
        if past is not None:
            now, (starts, self.seconds, self.saved) = self.seconds, past
            self.starts = starts + 1
            self._lose(step)
            self.seconds = {name: now[name] + s for name, s in self.seconds.items()}
        self.saved[step] = dict(self.seconds)

    def go_back(self, step: int) -> None:
        """Counts as lost what was spent since a step's state was saved."""
        self.at(self.phase)
        self._lose(step)

    def _lose(self, step: int) -> None:
        kept = self.saved.get(step, self.seconds)
        spent = sum(self.seconds.values()) - sum(kept.values())
        self.seconds = {**kept, "lost": kept["lost"] + spent}
        self.saved = {s: each for s, each in self.saved.items() if s <= step}

    def save(self, step: int) -> None:
        """Notes that what was spent until now is kept in a step's state."""
        self.at(self.phase)
        self.saved[step] = dict(self.seconds)
        self.saved = dict(list(self.saved.items())[-_SAVES:])
        self.write()

    def close(self, step: int) -> None:
        """Writes what was spent until the end, for a state if that was its last."""
        self.at(self.phase)
        if step in self.saved:
            self.saved[step] = dict(self.seconds)
        self.write()

    def write_sometimes(self) -> None:
        """Writes the file if the last time is a second ago."""
        if time.perf_counter() - self.written > 1:
            self.write()

    def write(self) -> None:
        """Writes the file."""
        self.at(self.phase)
        self.written = time.perf_counter()
        if not self.speaks:
            return
        total = sum(self.seconds.values()) or 1.0
        fields: dict[str, Any] = {
            "starts": self.starts,
            "goodput": round(self.seconds["steps"] / total, 4),
            "seconds": {name: round(s, 3) for name, s in self.seconds.items()},
            "shares": {name: round(s / total, 4) for name, s in self.seconds.items()},
            "saved": {
                step: {name: round(s, 3) for name, s in each.items()}
                for step, each in self.saved.items()
            },
        }
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(fields) + "\n")
        part.replace(self.path)

    def __str__(self) -> str:
        total = sum(self.seconds.values())
        down = sorted(self.seconds.items(), key=lambda item: -item[1])
        parts = (f"{PHASES[n]} {s:.1f} s" for n, s in down if s >= 0.05)
        starts = f" in {self.starts} starts" if self.starts > 1 else ""
        share = 100 * self.seconds["steps"] / total
        return f"goodput {share:.0f} % of {clock(total)}{starts}: {', '.join(parts)}"


def clock(seconds: float) -> str:
    """Returns seconds as 1:02, or as 1:02:03 where they are an hour or more."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def process_age() -> float:
    """Returns how many seconds ago this process was started; 0 where it is unknown."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return 0.0
    # The second field is a name in parentheses, which may hold spaces.
    ticks = int(stat.read_text().rsplit(")", 1)[1].split()[19])
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    return now - ticks / os.sysconf("SC_CLK_TCK")


def _read(
    path: Path,
) -> tuple[int, dict[str, float], dict[int, dict[str, float]]] | None:
    """Returns starts, seconds, and seconds by save; None if there is no whole file."""
    if not path.exists():
        return None
    try:
        fields = json.loads(path.read_text())
        saved = {int(step): each for step, each in fields["saved"].items()}
        seconds = {name: float(fields["seconds"][name]) for name in PHASES}
        return int(fields["starts"]), seconds, saved
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
