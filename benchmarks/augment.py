"""RandAugment: images per second of CPU, beside timm's with PIL, in one run.

    python -m benchmarks.augment

Both get rand-m9-mstd0.5-inc1 on crops of photographs: ours the compiled function of a
batch, timm's a loop over PIL images that are open already. Rounds are interleaved;
medians of five, by processor time, so that other processes and a second core count for
neither. Needs the `test` extra.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from vit_jax.pixels import IMAGENET
from vit_jax.train.augment.augment import augment
from vit_jax.train.augment.config import AugmentConfig
from vit_jax.weights.proof.reference import import_timm

WORDS = "rand-m9-mstd0.5-inc1"
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
SIZES = {224: 128, 32: 4096}
ROUNDS = 5


def crops(size: int, count: int) -> np.ndarray:
    """Returns random crops of two photographs."""
    rng, result = np.random.default_rng(0), []
    photographs = load_sample_images().images
    for i in range(count):
        photograph = photographs[i % 2]
        y, x = (rng.integers(side - size) for side in photograph.shape[:2])
        result.append(photograph[y : y + size, x : x + size])
    return np.stack(result)


def ours(
    images: np.ndarray, interpolation: str
) -> tuple[Callable[[int], object], float]:
    """Returns the compiled function of a seed, and the seconds that compiling took."""
    config = AugmentConfig(rand_augment=WORDS, interpolation=interpolation)
    batch, targets = jnp.asarray(images), jnp.zeros((len(images), 1))
    change = partial(augment, config=config, pixels=IMAGENET)
    start = time.perf_counter()
    compiled = jax.jit(change).lower(batch, targets, key=jax.random.key(0)).compile()
    seconds = time.perf_counter() - start

    def run(seed: int) -> object:
        return jax.block_until_ready(compiled(batch, targets, key=jax.random.key(seed)))

    return run, seconds


def timms(images: np.ndarray, interpolation: str) -> Callable[[int], object]:
    """Returns timm's loop over images as a function of a seed.

    Pillow refuses to posterise to no bits, as timm asks at its largest magnitude: such
    an image is left out, in timm's favour.
    """
    import_timm()
    import random

    from timm.data.auto_augment import rand_augment_transform

    hparams = {"img_mean": (124, 116, 104), "interpolation": FILTERS[interpolation]}
    change = rand_augment_transform(WORDS, hparams)
    opened = [Image.fromarray(image) for image in images]

    def run(seed: int) -> object:
        random.seed(seed)
        np.random.seed(seed)
        for image in opened:
            try:
                change(image)
            except ValueError:
                continue
        return None

    return run


def main() -> None:
    """Prints a line for each size and filter."""
    print(f"{'images':<20} {'ours':>9} {'timm':>9} {'ratio':>6} {'compiled in':>12}")
    for size, count in SIZES.items():
        images = crops(size, count)
        for interpolation in FILTERS:
            run, seconds = ours(images, interpolation)
            runs = (run, timms(images, interpolation))
            for each in runs:
                each(0)
            rates: list[list[float]] = [[], []]
            for seed in range(ROUNDS):
                for each, found in zip(runs, rates, strict=True):
                    start = time.process_time()
                    each(seed)
                    found.append(count / (time.process_time() - start))
            a, b = (statistics.median(found) for found in rates)
            what = f"{size}x{size} {interpolation}"
            print(
                f"{what:<20} {a:>7.0f}/s {b:>7.0f}/s {a / b:>6.2f} {seconds:>10.1f} s"
            )


if __name__ == "__main__":
    main()
