"""Every ViT entry point of the installed timm: shapes, numbers and the way back.

    python -m benchmarks.sweep

For each: timm's full-size tensors (on the meta device, which takes no memory) are all
accounted for, and a shrunken model with every parameter random agrees at each stage
within 1e-5 and comes back bit for bit. Needs the `test` extra; one process a core.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import tests.parity.conftest  # noqa: F401  (lets timm import where torch is for CPU)
from tests.parity.entry_points import Result, check, entry_points


def start() -> None:
    """Sets a process up as the tests are."""
    import tests.conftest  # noqa: F401


def tell(result: Result) -> str:
    """Returns a line for one entry point."""
    if result.report is None:
        return f"{result.name:<44} FAULTS {'; '.join(result.faults)}"
    errors = [max(s.relative_l2, s.relative_max) for s in result.report.stages]
    verdict = "ok" if result.ok else f"DIFFERS at {result.report.first_difference}"
    return f"{result.name:<44} {errors[-1]:>9.1e} {max(errors):>11.1e}  {verdict}"


def main() -> None:
    """Prints a line for each entry point, then how many agree."""
    import timm

    names = entry_points()
    print(f"{'entry point':<44} {'logits':>9} {'worst stage':>11}")
    results: list[Result] = []
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), initializer=start
    ) as pool:
        for result in pool.map(check, names, chunksize=8):
            print(tell(result), flush=True)
            results.append(result)
    agree = sum(result.ok for result in results)
    print(f"{agree} of {len(names)} entry points of timm {timm.__version__}")


if __name__ == "__main__":
    main()
