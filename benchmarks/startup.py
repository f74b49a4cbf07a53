"""Start-up: what a user waits for before anything computes.

    python -m benchmarks.startup

CPU seconds of whole processes, medians of five, rounds interleaved.
"""

import resource
import statistics
import subprocess
import sys

CASES = {
    "vit-jax --help": "from vit_jax.cli import main; main(['--help'])",
    "vit-jax train --help": (
        "from vit_jax.cli import main; main(['train', 'configs/digits.py', '--help'])"
    ),
    "import jax, flax.nnx (what every model needs)": "import jax; from flax import nnx",
    "... and a ViT-B/16 by vit_jax.init_params": (
        "import vit_jax; c = vit_jax.ViTConfig();"
        "vit_jax.bind(c, vit_jax.init_params(c, seed=0))"
    ),
    "... or by VisionTransformer(config, rngs=...)": (
        "import vit_jax; from flax import nnx;"
        "vit_jax.VisionTransformer(vit_jax.ViTConfig(), rngs=nnx.Rngs(0))"
    ),
}


def cpu_seconds(code: str) -> float:
    """Returns the user and system time of a fresh Python that runs the code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints one line a case."""
    rounds = [[cpu_seconds(code) for code in CASES.values()] for _ in range(5)]
    for name, times in zip(CASES, zip(*rounds, strict=True), strict=True):
        median, least, most = statistics.median(times), min(times), max(times)
        print(f"{median:6.2f} s  ({least:.2f} to {most:.2f})  {name}")


if __name__ == "__main__":
    main()
