"""Parity at real sizes: timm's models with every parameter random, stage by stage.

    python -m benchmarks.parity

The worst stage of each, float32, two images. Needs the `test` extra.
"""

import numpy as np

import tests.parity.conftest  # noqa: F401  (lets timm import where torch is for CPU)
from tests.models import random_images
from tests.parity.references import randomise, tensors_of
from vit_jax.model.params import bind
from vit_jax.presets import PRESETS
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.parity import parity

NAMES = (
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
    "vit_base_patch16_224",
    "vit_base_patch16_384",
    "deit_small_distilled_patch16_224",
    "deit3_small_patch16_224",
    "deit3_base_patch16_224",
)


def main() -> None:
    """Prints one line a model."""
    import timm

    print(f"{'preset':<34} {'logits, rel. L2':>15} {'worst stage':>12}  bit-exact back")
    for name in NAMES:
        config = PRESETS[name].config
        reference = randomise(timm.create_model(name), seed=0)
        tensors, plan = tensors_of(reference), make_plan(TIMM, config)
        params = plan.to_ours(tensors)
        report = parity(bind(config, params), reference, random_images(config))
        back = plan.to_theirs(params)
        exact = all(np.array_equal(back[key], tensors[key]) for key in tensors)
        worst = max(max(s.relative_l2, s.relative_max) for s in report.stages)
        logits = report.stages[-1].relative_l2
        print(f"{name:<34} {logits:>15.1e} {worst:>12.1e}  {exact}", flush=True)


if __name__ == "__main__":
    main()
