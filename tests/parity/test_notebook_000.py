import numpy as np

from tests.models import random_images
from tests.parity.notebook_000 import Notebook000
from tests.parity.references import randomise, run, tensors_of
from vit_jax.config import ViTConfig
from vit_jax.model.params import bind
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.mapping import make_plan

LITERAL = ViTConfig(
    image_size=28,
    patch_size=14,
    num_classes=0,
    embed_dim=48,
    depth=2,
    num_heads=8,
    mlp_dim=192,
    attn_scale=48**-0.5,
    final_norm=False,
)


def test_the_notebook_as_written_is_one_config():
    reference = Notebook000(image_size=28, patch_size=14, dim=48, depth=2, num_heads=8)
    randomise(reference, seed=0)
    plan = make_plan(TIMM, LITERAL)
    tensors = tensors_of(reference)
    images = random_images(LITERAL)
    ours = np.asarray(bind(LITERAL, plan.to_ours(tensors))(images))
    theirs = run(reference, images)
    assert np.abs(ours - theirs).max() <= 2e-6 * np.abs(theirs).max()

    again = plan.to_theirs(plan.to_ours(tensors))
    assert all(np.array_equal(again[key], tensors[key]) for key in tensors)
