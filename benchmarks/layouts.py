"""Every layout but timm's: files recognised, computed, and given back.

    python -m benchmarks.layouts

For each file, with every parameter random: its layout is found from keys and shapes;
each stage agrees within 1e-5 with the publisher's library, or with a module written
from its source; every tensor comes back bit for bit, and the library takes them with
nothing missing and nothing unexpected. Needs the `test` extra; one process a core.
"""

import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import tests.parity.conftest  # noqa: F401  (lets timm import where torch is for CPU)
from tests.parity.cases import Entry, Finding, check, entries


def start() -> None:
    """Sets a process up as the tests are."""
    import tests.conftest  # noqa: F401


def main() -> None:
    """Prints a line for each family, and what went wrong."""
    files = list(entries())
    names = [entry.name for entry in files]
    found: dict[str, list[tuple[Entry, Finding]]] = defaultdict(list)
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), initializer=start
    ) as pool:
        findings = pool.map(check, names, chunksize=4)
        for entry, finding in zip(files, findings, strict=True):
            found[entry.family].append((entry, finding))
            if finding.faults:
                print(f"{entry.name}: {'; '.join(finding.faults)}", flush=True)
    print(f"{'family':<28} {'files':>7} {'worst stage':>12}")
    for family, members in found.items():
        good = [finding.worst for _, finding in members if not finding.faults]
        count = f"{len(good)}/{len(members)}"
        print(f"{family:<28} {count:>7} {max(good, default=float('inf')):>12.1e}")
    agree = sum(not f.faults for members in found.values() for _, f in members)
    print(f"{agree} of {len(files)} files")


if __name__ == "__main__":
    main()
