"""Adapted parameters give what timm gives where it loads the same weights."""

import dataclasses
from operator import attrgetter
from typing import Any

import jax
import numpy as np
import pytest
import timm
import torch
from timm.models import beit, eva, vision_transformer
from timm.models._manipulate import adapt_input_conv
from timm.models.beit import Beit
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

from tests.models import random_images
from tests.parity.references import Variant, randomise, run, tensors_of
from vit_jax.config import ViTConfig
from vit_jax.model.params import bind, param_shapes
from vit_jax.weights.adapt import adapt
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan

# Of the largest logit: rounding is 1e-6, a wrong kernel shows as 1e-3.
BAR = 1e-5
# timm indexes a tensor by a list of tensors, and searches in one that is a view.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Using a non-tuple sequence"),
    pytest.mark.filterwarnings(r"ignore:torch.searchsorted\(\)"),
]


@dataclasses.dataclass(frozen=True)
class Large(Variant):
    """A variant of 4 x 4 patches."""

    layout: str = "timm"

    def build_at(self, **sizes: Any) -> torch.nn.Module:
        """Returns timm's model of other sizes."""
        return Large(self.name, {**self.theirs, **sizes}, {}, self.kind).build()

    def params(self, module: torch.nn.Module) -> dict[str, np.ndarray]:
        """Returns the parameters in timm's model of the variant's own sizes."""
        plan = make_plan(find_layout(self.layout), self.config)
        return plan.to_ours(tensors_of(module))


def large(
    name: str,
    theirs: dict[str, Any],
    ours: dict[str, Any],
    kind: type = VisionTransformer,
    layout: str = "timm",
) -> Large:
    """Returns a variant of 56 pixels and one block."""
    theirs = {"img_size": 56, "depth": 1, **theirs}
    return Large(name, theirs, {"image_size": 56, "depth": 1, **ours}, kind, layout)


ROPE = {"use_rot_pos_emb": True, "init_values": 1e-5, "global_pool": "token"}
BEIT = {"use_rel_pos_bias": True, "init_values": 1e-5}
MEAN_NORM = {"pool": "mean", "norm_after_pool": True, "final_norm": False}
VARIANTS = (
    large("plain", {}, {}),
    large(
        "no_class_token",
        {"class_token": False, "global_pool": "avg", "fc_norm": False},
        {"class_token": "none", "pool": "mean"},
    ),
    large("distilled", {}, {"distill_token": True}, VisionTransformerDistilled),
    large("registers", {"reg_tokens": 3}, {"num_registers": 3}),
    large(
        "registers_without_position",
        {"reg_tokens": 3, "no_embed_class": True},
        {"num_registers": 3, "position_on": "patches"},
    ),
    large(
        "rope_alone",
        {**ROPE, "use_abs_pos_emb": False, "use_fc_norm": False},
        {"position": "none", "rope": "axial", "layer_scale": 1e-5, "qkv_bias": "qv"},
        Eva,
        "timm_eva",
    ),
    large(
        "rope_and_table",
        {**ROPE, "use_fc_norm": False, "ref_feat_shape": (4, 4)},
        {"rope": "axial", "rope_grid": (4, 4), "layer_scale": 1e-5, "qkv_bias": "qv"},
        Eva,
        "timm_eva",
    ),
    large(
        "beit",
        {**BEIT, "use_abs_pos_emb": False},
        {
            **MEAN_NORM,
            "position": "none",
            "relative_position_bias": True,
            "layer_scale": 1e-5,
            "qkv_bias": "qv",
        },
        Beit,
        "timm_eva",
    ),
)
each = pytest.mark.parametrize("variant", VARIANTS, ids=attrgetter("name"))
SIZES = [
    {"img_size": 28},
    {"img_size": (70, 98)},
    {"img_size": 64, "patch_size": 16},
    {"img_size": (64, 60), "patch_size": (8, 20)},
]


def check(
    config: ViTConfig, params: dict[str, np.ndarray], theirs: torch.nn.Module
) -> None:
    """Fails where the two models differ by more than the bar."""
    images = random_images(config)
    expected = run(theirs, images)
    forward = jax.jit(lambda params, images: bind(config, params)(images))
    ours = np.asarray(forward(params, images))
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() <= BAR * np.abs(expected).max()


@each
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_another_image_and_patch_are_what_timm_loads(variant, sizes):
    reference, old = variant.build(), variant.config
    theirs = variant.build_at(**sizes)
    home = {Beit: beit, Eva: eva}.get(variant.kind, vision_transformer)
    state = home.checkpoint_filter_fn(reference.state_dict(), theirs)
    theirs.load_state_dict(state)
    names = {"img_size": "image_size", "patch_size": "patch_size"}
    new = old.replace(**{names[name]: size for name, size in sizes.items()})
    tables = old.position == "learned" or old.relative_position_bias
    resample = "timm" if tables or "patch_size" in sizes else None
    check(new, adapt(variant.params(reference), old, new, resample=resample), theirs)


@each
def test_a_model_goes_on_from_a_grid_that_is_not_square(variant):
    """A file does not tell timm its grid; set_input_size knows the old one."""
    flat = large(
        variant.name,
        {**variant.theirs, "img_size": (42, 70)},
        {**variant.ours, "image_size": (42, 70)},
        variant.kind,
        variant.layout,
    )
    reference, old = flat.build(), flat.config
    params, new = flat.params(reference), old.replace(image_size=(70, 28))
    params = {name: array.copy() for name, array in params.items()}
    reference.set_input_size(img_size=(70, 28))
    tables = old.position == "learned" or old.relative_position_bias
    resample = "timm" if tables else None
    check(new, adapt(params, old, new, resample=resample), reference)


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_a_pretrained_file_is_adapted_as_timm_s_create_model_does(tmp_path, channels):
    name, sizes = "vit_tiny_patch16_224", {"depth": 1, "num_classes": 0}
    path = tmp_path / "pretrained.pth"
    reference = randomise(timm.create_model(name, img_size=64, **sizes), seed=3)
    torch.save(reference.state_dict(), path)
    theirs = timm.create_model(
        name,
        img_size=(96, 80),
        in_chans=channels,
        pretrained=True,
        pretrained_cfg_overlay={"file": str(path), "num_classes": 0},
        **sizes,
    )
    old = ViTConfig(image_size=64, embed_dim=192, num_heads=3, mlp_dim=768, **sizes)
    new = old.replace(image_size=(96, 80), in_channels=channels)
    params = make_plan(find_layout("timm"), old).to_ours(tensors_of(reference))
    adapted = adapt(params, old, new, resample="timm", adapt_channels=True)
    check(new, adapted, theirs.eval())


@pytest.mark.parametrize(("before", "after"), [(3, 1), (3, 5), (4, 3), (2, 7), (1, 3)])
def test_channels_are_adapted_as_timm_does_from_any_number(before, after):
    kernel = torch.randn(6, before, 4, 2, generator=torch.Generator().manual_seed(0))
    plan = {"image_size": (4, 2), "patch_size": (4, 2), "embed_dim": 6, "num_heads": 1}
    old = ViTConfig(**plan, depth=1, mlp_dim=4, in_channels=before, num_classes=1)
    params = {name: np.zeros(shape) for name, shape in param_shapes(old).items()}
    params["embed.proj.kernel"] = kernel.permute(2, 3, 1, 0).reshape(-1, 6).numpy()
    new = old.replace(in_channels=after)
    ours = adapt(params, old, new, adapt_channels=True)["embed.proj.kernel"]
    theirs = adapt_input_conv(after, kernel, before).permute(2, 3, 1, 0).reshape(-1, 6)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-6)
