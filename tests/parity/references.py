"""Torch modules with random parameters, and the numbers they give."""

import dataclasses
from typing import Any

import numpy as np
import torch
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

from vit_jax.config import ViTConfig

TINY: dict[str, Any] = {
    "img_size": 28,
    "patch_size": 14,
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 3,
    "num_classes": 5,
}


@dataclasses.dataclass(frozen=True)
class Variant:
    """A timm model by its arguments, and the config that is the same."""

    name: str
    theirs: dict[str, Any]
    ours: dict[str, Any]
    kind: type = VisionTransformer

    def build(self) -> torch.nn.Module:
        """Returns timm's model with every parameter random."""
        return randomise(self.kind(**{**TINY, **self.theirs}), seed=1)

    @property
    def config(self) -> ViTConfig:
        """What the model is in our words."""
        common: dict[str, Any] = {
            "image_size": 28,
            "patch_size": 14,
            "num_classes": 5,
            "embed_dim": 48,
            "depth": 2,
            "num_heads": 3,
            "mlp_dim": 192,
        }
        return ViTConfig(**{**common, **self.ours})


VARIANTS = (
    Variant("plain", {}, {}),
    Variant("distilled", {}, {"distill_token": True}, VisionTransformerDistilled),
    Variant("layer_scale", {"init_values": 1e-5}, {"layer_scale": 1e-5}),
    Variant(
        "deit3",
        {"init_values": 1e-5, "no_embed_class": True},
        {"layer_scale": 1e-5, "position_on": "patches"},
    ),
    Variant(
        "mean_and_norm",
        {"global_pool": "avg"},
        {"pool": "mean", "norm_after_pool": True, "final_norm": False},
    ),
    Variant(
        "mean_without_class_token",
        {"global_pool": "avg", "class_token": False, "fc_norm": False},
        {"pool": "mean", "class_token": "none"},
    ),
    Variant("features", {"num_classes": 0}, {"num_classes": 0}),
    Variant("all_tokens", {"global_pool": ""}, {"pool": "none"}),
    Variant("no_qkv_bias", {"qkv_bias": False}, {"qkv_bias": "none"}),
    Variant(
        "not_square",
        {"img_size": (28, 42), "patch_size": (14, 7), "in_chans": 1},
        {"image_size": (28, 42), "patch_size": (14, 7), "in_channels": 1},
    ),
    Variant("tanh_gelu", {"act_layer": "gelu_tanh"}, {"activation": "gelu_tanh"}),
    Variant("wide_mlp", {"mlp_ratio": 2.5}, {"mlp_dim": 120}),
)

DINOV3 = Variant(
    "dinov3",
    {
        "img_size": (28, 42),
        "global_pool": "token",
        "init_values": 1e-5,
        "num_reg_tokens": 2,
        "use_abs_pos_emb": False,
        "use_fc_norm": False,
        "use_rot_pos_emb": True,
        "rope_type": "dinov3",
        "rope_temperature": 100.0,
        "rope_rotate_half": True,
    },
    {
        "image_size": (28, 42),
        "qkv_bias": "qv",
        "layer_scale": 1e-5,
        "num_registers": 2,
        "position": "none",
        "rope": "centred",
        "rope_temperature": 100.0,
        "rope_pairs": "halves",
    },
    Eva,
)

EVA02 = Variant(
    "eva02",
    {
        "img_size": (28, 42),
        "global_pool": "avg",
        "use_rot_pos_emb": True,
        "ref_feat_shape": (16, 16),
        "swiglu_mlp": True,
        "mlp_ratio": 8 / 3,
    },
    {
        "image_size": (28, 42),
        "qkv_bias": "qv",
        "rope": "axial",
        "rope_grid": (16, 16),
        "mlp": "gated",
        "activation": "silu",
        "mlp_dim": 128,
        "pool": "mean",
        "norm_after_pool": True,
        "final_norm": False,
    },
    Eva,
)


def randomise(
    module: torch.nn.Module, seed: int, *, gain: float = 1.5
) -> torch.nn.Module:
    """Returns the module with random parameters: ones and zeros hide swaps.

    Args:
      gain: deviation of what a linear layer makes of inputs of deviation 1. Faint
        layers hide mistakes below the bar; loud ones saturate the softmax.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                centre = float(name.endswith(("weight", "gamma")))
                parameter.copy_(centre + 0.3 * noise)
            else:
                fan_in = parameter[0].numel() if "weight" in name else 4
                # Small tokens, as published models have: only there norm_eps shows.
                size = gain if parameter.ndim == 2 and "weight" in name else 0.1
                parameter.copy_(noise * (size / fan_in**0.5))
    return module.eval()


def run(module: torch.nn.Module, images: np.ndarray) -> np.ndarray:
    """Returns what a module gives for channels-last images."""
    with torch.no_grad():
        return module(torch.from_numpy(np.moveaxis(images, -1, 1).copy())).numpy()


def tensors_of(module: torch.nn.Module) -> dict[str, np.ndarray]:
    """Returns a module's state dict as numpy arrays."""
    return {key: value.numpy() for key, value in module.state_dict().items()}
