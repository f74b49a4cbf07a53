"""How long a training step takes to compile, by depth, unrolled and as a loop.

    python -m benchmarks.compile_times

ViT-S/16's width at 224, batch 8, AdamW; each case in a process of its own, without the
compilation cache, the least of two rounds. Also what the step then takes. As a loop
(`--model.scan-layers`) the blocks are compiled once, but their parameters are stacked
in every step, and each has an update of its own. The start of a run with the cache is
benchmarks.loop_costs'.
"""

import json
import statistics
import subprocess
import sys
import time

CASES = [(depth, scan) for depth in (12, 24) for scan in (False, True)]
ROUNDS = 2


def measure(depth: int, scan: bool) -> dict[str, float]:
    """Returns seconds to trace and lower, to compile, and of a step."""
    import jax

    from benchmarks.speed_cases import find_sizes
    from benchmarks.speed_jax import make_step_of

    case = {"batch": 8, "dtype": "float32", **find_sizes("S")}
    step, state, batch = make_step_of(case, depth=depth, scan_layers=scan)
    since = time.perf_counter()
    lowered = step.lower(state, batch)
    traced = time.perf_counter()
    compiled = lowered.compile()
    done = time.perf_counter()
    steps = list[float]()
    for _ in range(4):
        before = time.perf_counter()
        state, metrics = compiled(state, batch)
        jax.block_until_ready(metrics)
        steps.append(time.perf_counter() - before)
    return {
        "lower": traced - since,
        "compile": done - traced,
        "step": statistics.median(steps[1:]),
    }


def main() -> None:
    """Prints a line a case."""
    if len(sys.argv) > 1:
        print(json.dumps(measure(*json.loads(sys.argv[1]))))
        return
    found: dict[tuple[int, bool], list[dict[str, float]]] = {c: [] for c in CASES}
    for _ in range(ROUNDS):
        for case in CASES:
            command = [sys.executable, "-m", "benchmarks.compile_times"]
            said = subprocess.run(
                [*command, json.dumps(case)], check=True, stdout=subprocess.PIPE
            )
            found[case].append(json.loads(said.stdout))
    print(
        f"{'depth':<8}{'blocks':<12}{'trace, lower':>14}{'compile':>10}{'a step':>10}"
    )
    for (depth, scan), rounds in found.items():
        lower, compiled, step = (
            min(each[name] for each in rounds) for name in ("lower", "compile", "step")
        )
        form = "a loop" if scan else "unrolled"
        print(f"{depth:<8}{form:<12}{lower:>12.1f} s{compiled:>8.1f} s{step:>8.2f} s")


if __name__ == "__main__":
    main()
