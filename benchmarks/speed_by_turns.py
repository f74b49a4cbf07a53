"""Steps of some contestants of benchmarks.speed by turns, in one process.

    python -m benchmarks.speed_by_turns vit_jax timm --model S --kind train

The contestants of benchmarks.speed are processes of their own, and on a shared machine
their figures spread by a tenth; here what disturbs one soon disturbs the next. All must
be installed in one environment. The first step of each turn does not count: behind it
torch's threads, which spin for 0.2 s, sleep again. CPU seconds are those of all
threads; a ratio is the median of those within a round.
"""

import argparse
import json
import resource
import statistics
import time
from typing import Any

from benchmarks.speed_cases import MODELS, describe_machine, find_sizes
from benchmarks.speed_jax import JAX_CONTESTANTS
from benchmarks.speed_tell import quartiles
from benchmarks.speed_torch import TORCH_CONTESTANTS
from vit_jax.errors import InputError
from vit_jax.process import use_huge_pages

CONTESTANTS = {**JAX_CONTESTANTS, **TORCH_CONTESTANTS}

# Of a step, round by round, of each contestant: seconds, and CPU seconds.
Times = dict[str, tuple[list[float], list[float]]]


def measure(case: dict[str, Any], names: list[str], rounds: int) -> Times:
    """Returns what each contestant's steps take, by turns."""
    runs = {name: CONTESTANTS[name](case)[0] for name in names}
    for run in runs.values():
        run(1)
    found: Times = {name: ([], []) for name in names}
    for number in range(rounds):
        first = number % len(names)  # nobody is always behind the same one
        for name in names[first:] + names[:first]:
            runs[name](1)
            cpu, since = _cpu_seconds(), time.perf_counter()
            runs[name](1)
            found[name][0].append(time.perf_counter() - since)
            found[name][1].append(_cpu_seconds() - cpu)
    return found


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("contestants", nargs="+", choices=CONTESTANTS)
    parser.add_argument("--model", default="S", choices=MODELS)
    parser.add_argument("--kind", default="train", choices=["forward", "train"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error(f"--rounds {given.rounds}: there must be one at least")
    case = {"kind": given.kind, "batch": given.batch, "dtype": given.dtype}
    case |= find_sizes(given.model)
    print(f"{given.model}/16 {given.kind}; {json.dumps(describe_machine())}")
    try:
        found = measure(case, given.contestants, given.rounds)
    except (ImportError, InputError) as error:
        parser.error(f"{error} (contestants must all be installed in one environment)")
    tell(found)


def tell(found: Times) -> None:
    """Prints a row for each contestant; ratios are to the first."""
    print(f"{'':<17}{'s':>7}{'quartiles':>17}{'CPU s':>8}{'s':>9}{'CPU s':>8}")
    first = next(iter(found.values()))
    for name, times in found.items():
        seconds, cpu = times
        low, middle, high = quartiles(seconds)
        line = f"{name:<17}{middle:>7.3f}{f'{low:.3f} to {high:.3f}':>17}"
        line += f"{statistics.median(cpu):>8.2f}"
        ratios = [_ratio(*both) for both in zip(times, first, strict=True)]
        print(line + f"{ratios[0]:>7.3f} x{ratios[1]:>6.3f} x")


def _ratio(times: list[float], first: list[float]) -> float:
    return statistics.median(t / f for t, f in zip(times, first, strict=True))


if __name__ == "__main__":
    use_huge_pages()
    main()
