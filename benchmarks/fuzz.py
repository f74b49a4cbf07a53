"""Hostile weights files: whatever is in one, it is read or refused.

    python -m benchmarks.fuzz [--inputs 100000] [--seed 0]

Mutants of a file of each format are read in this process, under a limit of memory (2
GiB above what it has), an alarm (5 seconds a file) and an audit of what Python does:
running new code, importing, starting a program, opening a socket or writing a file
while reading is a fault, as is any exception but InputError. Every fault is printed
with the number that makes it again; the exit code is 1 if there is one.
"""

import argparse
import collections
import contextlib
import faulthandler
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.weights.mutants import Seed, make_seeds, mutate
from vit_jax.errors import InputError
from vit_jax.weights.files import read_tensors

MEMORY = 2**31
SECONDS = 5.0
FORBIDDEN = ("exec", "compile", "import", "marshal.loads", "pickle.find_class", "code.")
FORBIDDEN += ("subprocess.", "socket.", "shutil.", "os.", "ctypes.", "tempfile.")
# What pathlib does to look at a file.
ALLOWED = ("os.listdir", "os.scandir")


class Audit:
    """Collects what Python does that no reading of a file should."""

    def __init__(self) -> None:
        self.on = False
        self.found: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or (event.startswith(FORBIDDEN) and event not in ALLOWED):
            self.found.append(f"{event} {args!r:.100}")


class Hang(BaseException):
    """Reading a file takes too long."""


def check(path: Path, audit: Audit) -> str:
    """Returns "read", "refused", or what is wrong with reading a file."""
    audit.found, audit.on = [], True
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        for array in read_tensors(path).values():
            touch = (array.shape, array.flat[:4].tobytes(), array.flat[-1:].tobytes())
            assert not array.size or touch[1]
        outcome = "read"
    except InputError:
        outcome = "refused"
    except (Exception, Hang) as error:
        outcome = f"{type(error).__name__}: {error!s:.200}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        audit.on = False
    return f"did {audit.found[0]}" if audit.found else outcome


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Limits the memory of this process, and raises Hang at the alarm."""

    def hang(*_: Any) -> None:
        raise Hang(f"over {SECONDS} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = signal.signal(signal.SIGALRM, hang)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def fuzz(
    inputs: int, seed: int
) -> tuple[dict[str, collections.Counter[str]], list[str]]:
    """Returns how many mutants of each format were read and refused, and the faults."""
    counts: dict[str, collections.Counter[str]] = {}
    faults: list[str] = []
    audit = Audit()
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as name:
        seeds = make_seeds(Path(name))
        # Once whole, so that what is imported late is there.
        for whole in seeds:
            path = write(Path(name), whole, whole.data)
            assert read_tensors(path), whole.name
        with guarded():
            for number in range(inputs):
                chosen, data = mutate(seeds, number, seed=seed)
                outcome = check(write(Path(name), chosen, data), audit)
                kind = outcome if outcome in ("read", "refused") else "fault"
                counts.setdefault(chosen.name, collections.Counter())[kind] += 1
                if kind == "fault":
                    faults.append(f"{chosen.name}, input {number}: {outcome}")
    return counts, faults


def write(folder: Path, seed: Seed, data: bytes) -> Path:
    """Returns the path of a mutant's file."""
    path = folder / f"mutant{seed.suffix}"
    # A file that is mapped is not cut short: it is another one.
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    return path


def main() -> None:
    """Prints each fault, and a table of what became of the mutants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    faulthandler.enable()
    start = time.process_time()
    counts, faults = fuzz(asked.inputs, asked.seed)
    for fault in faults:
        print(fault)
    kinds = ("read", "refused", "fault")
    print(f"{'format':<18}" + "".join(f"{kind:>10}" for kind in kinds))
    total: collections.Counter[str] = sum(counts.values(), collections.Counter())
    for name, count in {**counts, "all": total}.items():
        print(f"{name:<18}" + "".join(f"{count[kind]:>10,}" for kind in kinds))
    print(f"{time.process_time() - start:.0f} s of CPU, seed {asked.seed}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
