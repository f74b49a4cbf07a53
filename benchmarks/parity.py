"""Parity at real sizes: timm's models with every parameter random, stage by stage.

    python -m benchmarks.parity [NAME ...]

Float32 against timm, two images: the logits and the worst stage; then what bfloat16
changes in our logits. Needs the `test` extra; a ViT-L at 384 pixels takes a minute.
"""

import sys

import jax
import numpy as np

import tests.parity.conftest  # noqa: F401  (lets timm import where torch is for CPU)
from tests.models import random_images
from tests.parity.references import randomise, tensors_of
from vit_jax.model.params import bind
from vit_jax.presets import PRESETS
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.parity import parity

NAMES = (
    *(
        f"vit_{size}_patch16_{image}"
        for size in ("tiny", "small", "base", "large")
        for image in (224, 384)
    ),
    "deit_small_distilled_patch16_224",
    "deit3_base_patch16_224",
    "vit_base_patch16_clip_224",
    "vit_base_patch16_siglip_224",
    "vit_small_patch14_reg4_dinov2",
    "vit_small_patch16_dinov3",
    "eva02_base_patch14_224",
    "beit_base_patch16_224",
)


def main(names: tuple[str, ...]) -> None:
    """Prints one line a model."""
    import timm

    told = ("preset", "logits, rel. L2", "worst stage", "bfloat16", "bit-exact back")
    print("{:<34} {:>15} {:>12} {:>9}  {}".format(*told))
    for name in names:
        preset = PRESETS[name]
        reference = randomise(timm.create_model(name), seed=0)
        tensors = tensors_of(reference)
        plan = make_plan(find_layout(preset.layout), preset.config)
        params, images = plan.to_ours(tensors), random_images(preset.config)
        model = bind(preset.config, params)
        report = parity(model, reference, images, layout=preset.layout)
        back = plan.to_theirs(params)
        exact = all(np.array_equal(back[key], tensors[key]) for key in tensors)
        worst = max(max(s.relative_l2, s.relative_max) for s in report.stages)
        rounded = bind(preset.config.replace(dtype="bfloat16"), params)
        with jax.default_matmul_precision("highest"):
            ours, near = np.asarray(model(images)), np.asarray(rounded(images))
        half = np.linalg.norm(near - ours) / np.linalg.norm(ours)
        logits = report.stages[-1].relative_l2
        line = f"{name:<34} {logits:>15.1e} {worst:>12.1e} {half:>9.1e}  {exact}"
        print(line if report.ok else f"{line}\n{report}", flush=True)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or NAMES)
