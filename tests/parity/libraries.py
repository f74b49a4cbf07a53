"""The layouts of libraries that are installed: torchvision, open_clip, vit-pytorch."""

from typing import Any

from torch import nn

from tests.parity.layouts import GIVEN, SIZED, Case, Tensors


def torchvision(**changes: Any) -> nn.Module:
    """Returns torchvision's ViT, small."""
    from torchvision.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        image_size=28,
        patch_size=14,
        num_layers=2,
        num_heads=3,
        hidden_dim=48,
        mlp_dim=96,
        num_classes=5,
        **changes,
    )


def numbered_linear(tensors: Tensors) -> Tensors:
    """Returns a file of torchvision before 0.13."""

    def rename(key: str) -> str:
        return key.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2.")

    return {rename(key): tensors[key] for key in tensors}


TORCHVISION = (
    Case("torchvision", "torchvision", "torchvision", torchvision),
    Case(
        "torchvision_pre_logits",
        "torchvision",
        "torchvision",
        lambda: torchvision(representation_size=7),
    ),
    Case(
        "torchvision_v1",
        "torchvision",
        "torchvision_v1",
        torchvision,
        rename=numbered_linear,
        has_stages=False,
    ),
)


def open_clip(*, quick_gelu: bool = False, **vision: Any) -> nn.Module:
    """Returns open_clip's CLIP, small."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    text = CLIPTextCfg(context_length=7, vocab_size=11, width=16, heads=2, layers=1)
    sizes = {"image_size": 28, "patch_size": 14, "width": 48, "layers": 2}
    vision = {**sizes, "head_width": 16, **vision}
    return CLIP(20, CLIPVisionCfg(**vision), text, quick_gelu=quick_gelu)


def open_clip_tower(name: str, image_size: int, **pooling: str) -> nn.Module:
    """Returns open_clip's CLIP with an image tower of timm's."""
    from open_clip.model import CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP

    text = CLIPTextCfg(context_length=7, vocab_size=11, width=16, heads=2, layers=1)
    tower = CLIPVisionCfg(
        timm_model_name=name,
        timm_pool=pooling["pool"],
        timm_proj=pooling["proj"],
        image_size=image_size,
    )
    return CustomTextCLIP(20, tower, text)


OPEN_CLIP = (
    Case("open_clip", "open_clip", "open_clip", open_clip),
    Case(
        "open_clip_quickgelu",
        "open_clip",
        "open_clip",
        lambda: open_clip(quick_gelu=True),
        given={**GIVEN, "activation": "quick_gelu"},
    ),
    Case(
        "open_clip_layer_scale",
        "open_clip",
        "open_clip",
        lambda: open_clip(ls_init_value=0.1),
    ),
    Case(
        "open_clip_tower",
        "open_clip",
        "open_clip_timm",
        lambda: open_clip_tower("test_vit", 160, pool="token", proj="linear"),
        given={"num_heads": 2},
    ),
    Case(
        "open_clip_tower_map",
        "open_clip",
        "open_clip_timm",
        lambda: open_clip_tower("test_vit", 160, pool="map", proj="none"),
        given={"num_heads": 2},
    ),
    Case(
        "open_clip_tower_eva02",
        "open_clip",
        "open_clip_timm",
        lambda: open_clip_tower(
            "eva02_tiny_patch14_224", 224, pool="token", proj="linear"
        ),
        given={"pool": "cls"},
    ),
)


def lucidrains(**changes: Any) -> nn.Module:
    """Returns vit-pytorch's ViT of today, small."""
    from vit_pytorch import ViT

    sizes = {"image_size": 28, "patch_size": 14, "dim": 48, "depth": 2, "heads": 3}
    wide = {"dim_head": 16, "mlp_dim": 96, "num_classes": 5}
    return ViT(**{**sizes, **wide, **changes})


def simple_vit() -> nn.Module:
    """Returns vit-pytorch's SimpleViT of today, small."""
    from vit_pytorch import SimpleViT

    return SimpleViT(
        image_size=28,
        patch_size=14,
        dim=48,
        depth=2,
        heads=3,
        mlp_dim=96,
        num_classes=5,
        dim_head=16,
    )


VIT_PYTORCH = (
    Case("vit_pytorch", "lucidrains", "lucidrains_2025_11_28", lucidrains),
    Case(
        "vit_pytorch_mean",
        "lucidrains",
        "lucidrains_2025_11_28",
        lambda: lucidrains(pool="mean"),
    ),
    Case(
        "vit_pytorch_simple", "simple_vit", "simple_vit_2023_08_10", simple_vit, SIZED
    ),
)

LIBRARIES = (*TORCHVISION, *OPEN_CLIP, *VIT_PYTORCH)
