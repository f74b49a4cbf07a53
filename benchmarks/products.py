"""The matrix products of a ViT's training step alone, in XLA and in torch.

    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python -m benchmarks.products --model S

Each product is compiled by itself and taken by turns with torch's on one core; GFLOP/s
are those of the median turn. A kernel's gradient is the product of transposed rows with
the gradient of what the layer gave. `x torch` above 1: XLA is faster.
"""

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.speed_cases import MODELS, find_sizes


def list_products(model: str, batch: int) -> dict[str, tuple[int, int, int, bool]]:
    """Returns rows, inner and columns of each product, and whether rows are transposed.

    Those of q, k, v and proj, fc1 and fc2: forward, and for both gradients.
    """
    width, tokens = find_sizes(model)["embed_dim"], batch * 197
    layers = {"q, k, v, proj": (width, width), "fc1": (width, 4 * width)}
    layers["fc2"] = (4 * width, width)
    found = dict[str, tuple[int, int, int, bool]]()
    for name, (inputs, outputs) in layers.items():
        found[f"{name}, forward"] = (tokens, inputs, outputs, False)
        found[f"{name}, input's gradient"] = (tokens, outputs, inputs, False)
        found[f"{name}, kernel's gradient"] = (inputs, tokens, outputs, True)
    return found | {"2048 x 2048 x 2048": (2048, 2048, 2048, False)}


def make_pair(
    rows: int, inner: int, columns: int, transposed: bool
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Returns what takes the product once, in XLA and in torch."""
    import jax
    import torch

    rng = np.random.default_rng(0)
    shape = (inner, rows) if transposed else (rows, inner)
    a = rng.normal(size=shape).astype(np.float32)
    b = rng.normal(size=(inner, columns)).astype(np.float32)
    product = jax.jit(lambda a, b: (a.T if transposed else a) @ b)
    ours, theirs = (jax.device_put(a), jax.device_put(b)), torch.tensor(a)
    left, right = theirs.T if transposed else theirs, torch.tensor(b)
    np.testing.assert_allclose(product(*ours), (left @ right).numpy(), atol=1e-2)
    return lambda: jax.block_until_ready(product(*ours)), lambda: left @ right


def main() -> None:
    """Prints a row for each product."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="S", choices=MODELS)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=25)
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error(f"--rounds {given.rounds}: there must be one at least")
    if importlib.util.find_spec("torch") is None:
        parser.error("torch is not installed: pip install -e '.[test]'")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["OMP_NUM_THREADS"] = "1"
    print(
        f"{given.model}/16, GFLOP/s on one core {'XLA':>14}{'torch':>8}{'x torch':>9}"
    )
    for name, (*sizes, transposed) in list_products(given.model, given.batch).items():
        pair = make_pair(*sizes, transposed)
        times = [[_seconds(take) for take in pair] for _ in range(given.rounds + 2)][2:]
        xla, eager = (statistics.median(column) for column in zip(*times, strict=True))
        work = 2e-9 * sizes[0] * sizes[1] * sizes[2]
        print(f"{name:<36}{work / xla:>6.0f}{work / eager:>8.0f}{eager / xla:>9.2f}")


def _seconds(take: Callable[[], Any]) -> float:
    since = time.perf_counter()
    take()
    return time.perf_counter() - since


if __name__ == "__main__":
    main()
