"""Published models: tables of sizes, families and names; presets.py reads them.

The names are timm's entry points, and pixels and num_classes those of the weights that
timm loads by default under each.
"""

from typing import Any, NamedTuple

from vit_jax.pixels import CLIP, HALF, IMAGENET, UNIT, Pixels, half

Changes = dict[str, Any]
Sizes = dict[str, tuple[int, int, int, int]]
NO_CHANGES: Changes = {}
NO_SIZES: Sizes = {}


class Family(NamedTuple):
    """What models of one publication have in common."""

    source: str
    pixels: Pixels
    changes: Changes = NO_CHANGES
    """Fields of ViTConfig that differ from its defaults."""
    layout: str = "timm"
    """Name of the layout of its weights."""
    sizes: Sizes = NO_SIZES
    """Sizes that this publisher gives another meaning than SIZES does."""


class Row(NamedTuple):
    """Models of one family that differ in nothing but the size and the image size."""

    name: str
    """{size} stands for each of sizes. patch_size is read from here, else is 16."""
    family: str
    sizes: str
    """Words of Family.sizes or SIZES."""
    image_sizes: tuple[int, ...] = ()
    """Ends of the names; where there are none, image_size is in changes, or is 224."""
    changes: Changes = NO_CHANGES
    """More changes than the family's."""
    pixels: Pixels | None = None
    """None for the family's."""


class Notebook(NamedTuple):
    """A model of one of the notebooks that this project began with."""

    name: str
    changes: Changes
    layout: str
    pixels: Pixels = HALF


# Sizes

# embed_dim, depth, num_heads, mlp_dim
SIZES: Sizes = {
    "tiny": (192, 12, 3, 768),
    "small": (384, 12, 6, 1536),
    "medium": (512, 12, 8, 2048),
    "base": (768, 12, 12, 3072),
    "large": (1024, 24, 16, 4096),
    "huge": (1280, 32, 16, 5120),
    "giant": (1408, 40, 16, 6144),
    "gigantic": (1664, 48, 16, 8192),
    "enormous": (1792, 64, 16, 15360),
    "5b": (2432, 56, 32, 9728),
    "7b": (4096, 40, 32, 8192),
    # Shapes optimised for compute (arXiv:2305.13035), and timm's own beside them.
    "so400m": (1152, 27, 16, 4304),
    "so150m": (896, 18, 14, 2304),
    "so150m2": (832, 21, 13, 2176),
    "giantopt": (1536, 40, 16, 6144),
    # Between the usual ones: TinyCLIP's xsmall, OpenCLIP's base_plus, timm's others.
    "xsmall": (256, 10, 4, 1024),
    "wee": (256, 14, 4, 1280),
    "pwee": (256, 16, 4, 1280),
    "little": (320, 14, 5, 1792),
    "mediumd": (512, 20, 8, 2048),
    "betwixt": (640, 12, 10, 2560),
    "base_plus": (896, 12, 14, 3584),
    # timm's test models.
    "test_vit": (64, 6, 2, 192),
    "test_vit2": (64, 8, 2, 192),
    "test_vit3": (96, 9, 3, 192),
    "test_vit4": (96, 9, 3, 288),
}
DINOV2_SIZES: Sizes = {"giant": (1536, 40, 24, 4096)}
DINOV3_SIZES: Sizes = {"huge": (1280, 32, 20, 5120)}
RADIO_SIZES: Sizes = {"giant": (1536, 40, 24, 6144)}
PE_SIZES: Sizes = {"gigantic": (1536, 50, 16, 8960)}
EVA02_SIZES: Sizes = {
    "tiny": (192, 12, 3, 512),
    "small": (384, 12, 6, 1024),
    "base": (768, 12, 12, 2048),
    "large": (1024, 24, 16, 2730),
}
AIMV2_SIZES: Sizes = {
    "large": (1024, 24, 8, 2816),
    "huge": (1536, 24, 12, 4096),
    "1b": (2048, 24, 16, 5632),
    "3b": (3072, 24, 24, 8192),
}

# Changes that several families share

MEAN: Changes = {"pool": "mean"}
MEAN_NORM: Changes = {"pool": "mean", "norm_after_pool": True, "final_norm": False}
NO_CLASS: Changes = {"class_token": "none"}
GATED: Changes = {"mlp": "gated", "activation": "silu"}
FEATURES: Changes = {"num_classes": 0}
QV: Changes = {"qkv_bias": "qv"}
NO_QKV_BIAS: Changes = {"qkv_bias": "none"}
# num_classes is then the width that images and texts share.
TEXT_512: Changes = {"num_classes": 512}
TEXT_640: Changes = {"num_classes": 640}
TEXT_768: Changes = {"num_classes": 768}
TEXT_1024: Changes = {"num_classes": 1024}
TEXT_1280: Changes = {"num_classes": 1280}

CLIP_STEM: Changes = {"stem_norm": True, "patch_bias": False, "norm_eps": 1e-5}
QUICK_GELU: Changes = {**CLIP_STEM, "activation": "quick_gelu"}
SIGLIP: Changes = {**FEATURES, **NO_CLASS, "pool": "map"}
SIGLIP_GAP: Changes = {**FEATURES, **NO_CLASS, **MEAN}
TANH: Changes = {"activation": "gelu_tanh"}
# 27 patches of 14 pixels leave 6 of 384.
UNTILED: Changes = {"drop_remainder": True}

DINOV2: Changes = {**FEATURES, "image_size": 518, "layer_scale": 1e-5}
DINOV2_REGISTERS: Changes = {**DINOV2, "num_registers": 4, "position_on": "patches"}
TIPS: Changes = {
    **DINOV2_REGISTERS,
    "image_size": 448,
    "num_registers": 1,
    "layer_scale": 1.0,
}
CENTRED_ROPE: Changes = {
    "position": "none",
    "rope": "centred",
    "rope_temperature": 100.0,
    "rope_pairs": "halves",
}
DINOV3: Changes = {
    **FEATURES,
    **MEAN,
    **CENTRED_ROPE,
    **NO_QKV_BIAS,
    "image_size": 256,
    "num_registers": 4,
    "layer_scale": 1e-5,
    "norm_eps": 1e-5,
}
LINGBOT: Changes = {**DINOV3, "image_size": 512, "pool": "cls"}
SAPIENS: Changes = {
    **FEATURES,
    **CENTRED_ROPE,
    **GATED,
    "image_size": (1024, 768),
    "num_registers": 8,
    "layer_scale": 1.0,
    "layer_scale_on": "attn",
    "norm": "rms",
    "qk_norm": True,
}
RADIO: Changes = {
    **FEATURES,
    "image_size": 512,
    "position_on": "patches",
    "final_norm": False,
}

BEIT: Changes = {
    **MEAN_NORM,
    **QV,
    "position": "none",
    "relative_position_bias": True,
    "layer_scale": 1e-5,
}
EVA02: Changes = {**QV, **GATED, "rope": "axial", "rope_grid": (16, 16)}
ROPE: Changes = {
    "position": "none",
    "layer_scale": 1e-5,
    "rope": "axial",
    "rope_temperature": 100.0,
    "rope_axes": "xy",
}
MIXED: Changes = {**ROPE, "rope": "mixed", "rope_temperature": 10.0}
WITH_TABLE: Changes = {"position": "learned", "position_on": "patches"}
PE: Changes = {
    **CLIP_STEM,
    "rope": "axial",
    "rope_axes": "xy",
    "rope_offset": 1.0,
    "rope_grid": (32, 32),
}
PE_CORE: Changes = {**PE, "pool": "map", "pool_prefix": True, "pool_heads": 8}
PE_FEATURES: Changes = {**PE, **FEATURES, **MEAN, "final_norm": False}
PE_GIGANTIC: Changes = {**NO_CLASS, "rope_offset": 0.0}
AIMV2: Changes = {
    **FEATURES,
    **NO_CLASS,
    **MEAN,
    **GATED,
    **NO_QKV_BIAS,
    "patch_norm": True,
    "proj_bias": False,
    "mlp_bias": "none",
    "norm": "rms",
    "norm_eps": 1e-5,
}

SBB: Changes = {
    **NO_CLASS,
    **MEAN_NORM,
    "num_registers": 1,
    "position_on": "patches",
    "layer_scale": 1e-5,
}
SBB4: Changes = {**SBB, "num_registers": 4}
SBB_ROPE: Changes = {
    **SBB,
    **QV,
    "position": "none",
    "position_on": "all",
    "rope": "axial",
    "rope_grid": (16, 16),
}
TEST: Changes = {**NO_CLASS, "num_registers": 1, "layer_scale": 1e-5}

# Families

TIMM = "timm (ImageNet-12k recipes)"
BETTER = "timm (Searching for Better ViT Baselines)"

FAMILIES: dict[str, Family] = {
    # Supervised
    "vit": Family("arXiv:2010.11929, 2106.10270", HALF),
    "vit_scaled": Family("arXiv:2106.04560", HALF),
    "deit": Family("arXiv:2012.12877", IMAGENET),
    "deit_distilled": Family("arXiv:2012.12877", IMAGENET, {"distill_token": True}),
    "deit3": Family(
        "arXiv:2204.07118", IMAGENET, {"layer_scale": 1e-6, "position_on": "patches"}
    ),
    "flexivit": Family(
        "arXiv:2212.08013", HALF, {"image_size": 240, "position_on": "patches"}
    ),
    "miil": Family("arXiv:2104.10972", UNIT, {"num_classes": 11221, **NO_QKV_BIAS}),
    "parallel": Family(
        "arXiv:2302.05442",
        HALF,
        {
            **NO_QKV_BIAS,
            "stem_norm": True,
            "patch_bias": False,
            "position_on": "patches",
            "norm": "rms",
            "block": "parallel",
            "qk_norm": True,
        },
        "timm_parallel",
    ),
    "36x1": Family("arXiv:2203.09795", HALF, {"depth": 36, "layer_scale": 1e-5}),
    "18x2": Family(
        "arXiv:2203.09795",
        HALF,
        {"depth": 18, "num_branches": 2, "layer_scale": 1e-5},
        "timm_18x2",
    ),
    "rope": Family("arXiv:2403.13298", IMAGENET, ROPE, "timm_eva"),
    "rope_mixed": Family("arXiv:2403.13298", IMAGENET, MIXED, "timm_eva"),
    # timm's own
    "plus": Family("timm", HALF, {"layer_scale": 1e-5}),
    "gap": Family("timm", HALF, {**NO_CLASS, **MEAN}),
    "gap_scaled": Family(
        TIMM, HALF, {**NO_CLASS, **MEAN, **NO_QKV_BIAS, "layer_scale": 1e-6}
    ),
    "post_norm": Family(
        "timm (residual post-norm of arXiv:2111.09883)",
        HALF,
        {**NO_CLASS, **MEAN_NORM, **NO_QKV_BIAS, "block": "res_post"},
    ),
    "sbb": Family(BETTER, HALF, SBB),
    "sbb4": Family(BETTER, HALF, SBB4),
    "sbb_parallel": Family(
        f"{BETTER}, arXiv:2302.05442",
        HALF,
        {**SBB, "block": "parallel"},
        "timm_parallel",
    ),
    "sbb_differential": Family(
        f"{BETTER}, arXiv:2410.05258", HALF, {**SBB, "differential": True}
    ),
    "sbb_parallel_differential": Family(
        f"{BETTER}, arXiv:2302.05442, 2410.05258",
        HALF,
        {**SBB, "block": "parallel", "differential": True, "mlp_bias": "fc1"},
        "timm_parallel_fused",
    ),
    "sbb_rope": Family(f"{BETTER}, arXiv:2403.13298", HALF, SBB_ROPE, "timm_eva"),
    "so150m": Family(
        f"{BETTER}, arXiv:2305.13035", HALF, {**NO_CLASS, "num_registers": 4}
    ),
    "so150m2": Family(
        f"{BETTER}, arXiv:2305.13035",
        HALF,
        {**SBB, **NO_QKV_BIAS, "position_on": "all"},
    ),
    "test": Family("timm (test models)", HALF, {"image_size": 160}),
    # Self-supervised
    "dino": Family("arXiv:2104.14294", IMAGENET, FEATURES),
    "dinov2": Family("arXiv:2304.07193", IMAGENET, DINOV2, sizes=DINOV2_SIZES),
    "dinov2_registers": Family(
        "arXiv:2304.07193, 2309.16588",
        IMAGENET,
        DINOV2_REGISTERS,
        sizes=DINOV2_SIZES,
    ),
    "dinov3": Family("arXiv:2508.10104", IMAGENET, DINOV3, "timm_eva"),
    "dinov3_gated": Family(
        "arXiv:2508.10104",
        IMAGENET,
        {**DINOV3, **GATED},
        "timm_eva_split_glu",
        DINOV3_SIZES,
    ),
    "eupe": Family("arXiv:2603.22387", IMAGENET, {**DINOV3, **QV}, "timm_eva"),
    "lingbot": Family("arXiv:2607.05247", IMAGENET, {**LINGBOT, **QV}, "timm_eva"),
    "lingbot_gated": Family(
        "arXiv:2607.05247",
        IMAGENET,
        {**LINGBOT, **GATED},
        "timm_eva_split_glu",
        DINOV2_SIZES,
    ),
    "sapiens2": Family(
        "arXiv:2604.21681", IMAGENET, SAPIENS, "timm_eva_split_qkv", RADIO_SIZES
    ),
    "ijepa": Family("arXiv:2301.08243", IMAGENET, {**FEATURES, **NO_CLASS, **MEAN}),
    "beit": Family("arXiv:2106.08254", HALF, BEIT, "timm_eva"),
    "beitv2": Family("arXiv:2208.06366", IMAGENET, BEIT, "timm_eva"),
    "beit3": Family(
        "arXiv:2208.10442",
        IMAGENET,
        {**MEAN_NORM, "norm_eps": 1e-5, "attn_norm": True, "mlp_norm": True},
    ),
    "eva": Family("arXiv:2211.07636", CLIP, {**MEAN_NORM, **QV}, "timm_eva"),
    "eva_mae": Family("arXiv:2211.07636", CLIP, MEAN_NORM),
    "eva02": Family(
        "arXiv:2303.11331",
        CLIP,
        {**EVA02, **MEAN_NORM, "mlp_norm": True},
        "timm_eva_split_qkv_glu",
        EVA02_SIZES,
    ),
    "eva02_small": Family(
        "arXiv:2303.11331", CLIP, {**EVA02, **MEAN_NORM}, "timm_eva", EVA02_SIZES
    ),
    "aimv2": Family("arXiv:2411.14402", CLIP, AIMV2, "timm_split_glu", AIMV2_SIZES),
    # Trained on images with text
    "clip": Family("arXiv:2103.00020, 2212.07143", CLIP, CLIP_STEM),
    "clip_tiny": Family("arXiv:2309.12314", CLIP, CLIP_STEM),
    "clip_datacomp": Family("arXiv:2304.14108", CLIP, CLIP_STEM),
    "clip_dfn": Family("arXiv:2309.17425", CLIP, CLIP_STEM),
    "clip_meta2": Family("arXiv:2507.22062", CLIP, CLIP_STEM),
    "clip_quick": Family("arXiv:2103.00020, 2212.07143", CLIP, QUICK_GELU),
    "clip_quick_dfn": Family("arXiv:2309.17425", CLIP, QUICK_GELU),
    "clip_quick_meta": Family("arXiv:2309.16671", CLIP, QUICK_GELU),
    "eva_clip": Family("arXiv:2303.15389", CLIP, QV, "timm_eva"),
    "eva02_clip": Family(
        "arXiv:2303.15389",
        CLIP,
        {**EVA02, "attn_norm": True, "mlp_norm": True},
        "timm_eva_split_qkv_glu",
        EVA02_SIZES,
    ),
    "siglip": Family("arXiv:2303.15343, 2502.14786", HALF, SIGLIP),
    "siglip2": Family("arXiv:2502.14786", HALF, {**SIGLIP, **TANH}),
    "siglip_gap": Family("arXiv:2303.15343, 2502.14786", HALF, SIGLIP_GAP),
    "siglip2_gap": Family("arXiv:2502.14786", HALF, {**SIGLIP_GAP, **TANH}),
    "paligemma": Family("arXiv:2407.07726, 2412.03555", HALF, SIGLIP_GAP),
    "tipsv2": Family("arXiv:2604.12012", UNIT, TIPS, sizes=DINOV2_SIZES),
    "pe_core": Family("arXiv:2504.13181", HALF, PE_CORE, "timm_eva", PE_SIZES),
    "pe": Family("arXiv:2504.13181", HALF, PE_FEATURES, "timm_eva", PE_SIZES),
    "intern": Family(
        "arXiv:2410.16261, 2412.05271",
        IMAGENET,
        {**FEATURES, "layer_scale": 0.1, "final_norm": False},
    ),
    # Distilled from several of these
    "radio3": Family(
        "arXiv:2412.07679", CLIP, {**RADIO, "num_registers": 7}, sizes=RADIO_SIZES
    ),
    "radio4": Family("arXiv:2601.17237", CLIP, {**RADIO, "num_registers": 9}),
}

# Models

MODELS: tuple[Row, ...] = (
    # ViT
    Row("vit_{size}_patch32", "vit", "small base", (224, 384)),
    Row("vit_{size}_patch16", "vit", "tiny small base large", (224, 384)),
    Row("vit_base_patch8", "vit", "base", (224,)),
    Row("vit_large_patch32", "vit", "large", (384,)),
    Row("vit_large_patch32", "vit", "large", (224,), FEATURES),
    Row("vit_large_patch14", "vit", "large", (224,)),
    Row("vit_huge_patch14", "vit", "huge", (224,), FEATURES),
    Row("vit_{size}_patch14", "vit_scaled", "giant gigantic", (224,)),
    # DeiT
    Row("deit_{size}_patch16", "deit", "tiny small base", (224,)),
    Row("deit_base_patch16", "deit", "base", (384,)),
    Row("deit_{size}_distilled_patch16", "deit_distilled", "tiny small base", (224,)),
    Row("deit_base_distilled_patch16", "deit_distilled", "base", (384,)),
    # DeiT III
    Row("deit3_{size}_patch16", "deit3", "small base large", (224, 384)),
    Row("deit3_medium_patch16", "deit3", "medium", (224,)),
    Row("deit3_huge_patch14", "deit3", "huge", (224,)),
    # ViT, trained or built in other ways
    Row("flexivit_{size}", "flexivit", "small base large"),
    Row("vit_base_patch16_224_miil", "miil", "base"),
    Row("vit_small_patch16_36x1", "36x1", "small", (224,)),
    Row("vit_{size}_patch16_18x2", "18x2", "small base", (224,)),
    Row("vit_base_patch16_xp", "parallel", "base", (224,)),
    Row("vit_{size}_patch14_xp", "parallel", "large huge", (224,)),
    # ViT with rotary positions
    Row("vit_{size}_patch16_rope", "rope", "small base large", (224,)),
    Row("vit_{size}_patch16_rope_ape", "rope", "small base large", (224,), WITH_TABLE),
    Row("vit_{size}_patch16_rope_mixed", "rope_mixed", "small base large", (224,)),
    Row(
        "vit_{size}_patch16_rope_mixed_ape",
        "rope_mixed",
        "small base large",
        (224,),
        WITH_TABLE,
    ),
    # timm's own
    Row("vit_base_patch16_plus", "plus", "base_plus", (240,)),
    Row("vit_base_patch32_plus", "plus", "base_plus", (256,)),
    Row("vit_base_patch16_rpn", "post_norm", "base", (224,)),
    Row("vit_base_patch16_gap", "gap", "base", (224,), {"num_heads": 16}),
    Row(
        "vit_medium_patch16_gap", "gap_scaled", "medium", (240,), {"num_classes": 11821}
    ),
    Row("vit_medium_patch16_gap", "gap_scaled", "medium", (256, 384)),
    Row("vit_betwixt_patch16_gap", "gap_scaled", "betwixt", (256,)),
    # timm's better baselines
    Row("vit_{size}_patch16_reg1_gap", "sbb", "wee little medium betwixt", (256,)),
    Row("vit_{size}_patch16_reg4_gap", "sbb4", "little medium", (256,)),
    Row("vit_{size}_patch16_reg4_gap", "sbb4", "mediumd betwixt", (256, 384)),
    Row("vit_base_patch16_reg4_gap", "sbb4", "base", (256,), {"layer_scale": None}),
    Row("vit_pwee_patch16_reg1_gap", "sbb_parallel", "pwee", (256,)),
    Row("vit_d{size}_patch16_reg1_gap", "sbb_differential", "wee little", (256,)),
    Row("vit_dpwee_patch16_reg1_gap", "sbb_parallel_differential", "pwee", (256,)),
    Row("vit_{size}_patch16_rope_reg1_gap", "sbb_rope", "medium base", (256,)),
    Row(
        "vit_mediumd_patch16_rope_reg1_gap", "sbb_rope", "mediumd", (256,), NO_QKV_BIAS
    ),
    Row(
        "vit_betwixt_patch16_rope_reg4_gap",
        "sbb_rope",
        "betwixt",
        (256,),
        {"num_registers": 4},
        CLIP,
    ),
    Row("vit_so150m_patch16_reg4_gap", "so150m", "so150m", (256, 384), MEAN),
    Row("vit_so150m_patch16_reg4_map", "so150m", "so150m", (256,), {"pool": "map"}),
    Row("vit_so150m2_patch16_reg1_gap", "so150m2", "so150m2", (256, 384, 448)),
    # DINO
    Row("vit_small_patch8", "dino", "small", (224,)),
    # DINOv2
    Row("vit_{size}_patch14_dinov2", "dinov2", "small base large"),
    Row("vit_giant_patch14_dinov2", "dinov2", "giant", changes=GATED),
    Row("vit_{size}_patch14_reg4_dinov2", "dinov2_registers", "small base large"),
    Row("vit_giant_patch14_reg4_dinov2", "dinov2_registers", "giant", changes=GATED),
    # DINOv3, and what its architecture was trained for elsewhere
    Row("vit_{size}_patch16_dinov3", "dinov3", "small base large"),
    Row("vit_{size}_patch16_dinov3_qkvb", "dinov3", "small base large", changes=QV),
    Row("vit_{size}_plus_patch16_dinov3", "dinov3_gated", "small huge"),
    Row(
        "vit_{size}_plus_patch16_dinov3_qkvb", "dinov3_gated", "small huge", changes=QV
    ),
    Row("vit_7b_patch16_dinov3", "dinov3_gated", "7b"),
    Row("vit_tiny_patch16_dinov3_qkvb", "eupe", "tiny"),
    Row("vit_{size}_patch16_lingbot", "lingbot", "small base large"),
    Row("vit_giant_patch16_lingbot", "lingbot_gated", "giant"),
    # Sapiens2: queries share keys and values in all but the first and last 8 blocks.
    Row("vit_base_patch16_sapiens2", "sapiens2", "base"),
    Row(
        "vit_large_patch16_sapiens2",
        "sapiens2",
        "large",
        changes={"num_kv_heads": (16,) * 8 + (8,) * 8 + (16,) * 8},
    ),
    Row(
        "vit_huge_patch16_sapiens2",
        "sapiens2",
        "huge",
        changes={"num_kv_heads": (16,) * 8 + (8,) * 16 + (16,) * 8},
    ),
    Row(
        "vit_giant_patch16_sapiens2",
        "sapiens2",
        "giant",
        changes={"num_kv_heads": (24,) * 8 + (12,) * 24 + (24,) * 8},
    ),
    Row(
        "vit_5b_patch16_sapiens2",
        "sapiens2",
        "5b",
        changes={"num_kv_heads": (32,) * 8 + (16,) * 40 + (32,) * 8},
    ),
    # I-JEPA
    Row("vit_huge_patch14_gap", "ijepa", "huge", (224,)),
    Row("vit_huge_patch16_gap", "ijepa", "huge", (448,)),
    Row("vit_giant_patch16_gap", "ijepa", "giant", (224,)),
    # BEiT, BEiT v2, BEiT-3
    Row("beit_base_patch16", "beit", "base", (224, 384), {"layer_scale": 0.1}),
    Row("beit_large_patch16", "beit", "large", (224, 384, 512)),
    Row("beitv2_{size}_patch16", "beitv2", "base large", (224,)),
    Row("beit3_{size}_patch16", "beit3", "base large", (224,)),
    Row("beit3_giant_patch14", "beit3", "giant", (224, 336)),
    # EVA, EVA-02
    Row("eva_large_patch14", "eva_mae", "large", (196, 336)),
    Row("eva_giant_patch14", "eva", "giant", (224, 336)),
    Row("eva_giant_patch14", "eva", "giant", (560,), pixels=IMAGENET),
    Row("eva02_{size}_patch14", "eva02_small", "tiny small", (224,), FEATURES),
    Row("eva02_{size}_patch14", "eva02_small", "tiny small", (336,)),
    Row("eva02_{size}_patch14", "eva02", "base large", (224,), FEATURES),
    Row("eva02_{size}_patch14", "eva02", "base large", (448,)),
    # AIMv2
    Row("aimv2_{size}_patch14", "aimv2", "large huge 1b 3b", (224, 336, 448)),
    # CLIP (1,000 classes where timm fine-tuned it)
    Row("vit_base_patch32_clip", "clip", "base", (224, 384, 448)),
    Row("vit_base_patch32_clip", "clip_datacomp", "base", (256,), TEXT_512),
    Row("vit_base_patch16_clip", "clip", "base", (224, 384)),
    Row("vit_base_patch16_plus_clip", "clip", "base_plus", (240,), TEXT_640),
    Row("vit_large_patch14_clip", "clip", "large", (224, 336), pixels=HALF),
    Row("vit_huge_patch14_clip", "clip", "huge", (224, 336)),
    Row("vit_huge_patch14_clip", "clip_dfn", "huge", (378,), TEXT_1024),
    Row("vit_giant_patch14_clip", "clip", "giant", (224,), TEXT_1024),
    Row("vit_gigantic_patch14_clip", "clip", "gigantic", (224,), TEXT_1280),
    Row("vit_gigantic_patch14_clip", "clip_meta2", "gigantic", (378,), TEXT_1280),
    # TinyCLIP
    Row("vit_{size}_patch16_clip", "clip_tiny", "xsmall medium", (224,), TEXT_512),
    Row("vit_{size}_patch32_clip", "clip_tiny", "medium betwixt", (224,), TEXT_512),
    # CLIP with x * sigmoid(1.702 x) for the GELU
    Row("vit_base_patch32_clip_quickgelu", "clip_quick", "base", (224,), TEXT_512),
    Row("vit_base_patch16_clip_quickgelu", "clip_quick_meta", "base", (224,), TEXT_512),
    Row(
        "vit_large_patch14_clip_quickgelu", "clip_quick_dfn", "large", (224,), TEXT_768
    ),
    Row("vit_large_patch14_clip_quickgelu", "clip_quick", "large", (336,), TEXT_768),
    Row(
        "vit_huge_patch14_clip_quickgelu",
        "clip_quick_dfn",
        "huge",
        (224, 378),
        TEXT_1024,
    ),
    Row(
        "vit_gigantic_patch14_clip_quickgelu",
        "clip_quick_meta",
        "gigantic",
        (224,),
        TEXT_1280,
    ),
    # EVA-CLIP
    Row("eva_giant_patch14_clip", "eva_clip", "giant", (224,), TEXT_1024),
    Row("eva02_base_patch16_clip", "eva02_clip", "base", (224,), TEXT_512),
    Row("eva02_large_patch14_clip", "eva02_clip", "large", (224, 336), TEXT_768),
    Row(
        "eva02_enormous_patch14_clip",
        "eva_clip",
        "enormous",
        (224,),
        {**TEXT_1024, "block": "res_post"},
    ),
    # SigLIP, SigLIP 2
    Row("vit_base_patch32_siglip", "siglip2", "base", (256,)),
    Row("vit_base_patch16_siglip", "siglip", "base", (224, 256, 384, 512)),
    Row("vit_large_patch16_siglip", "siglip", "large", (256, 384)),
    Row("vit_large_patch16_siglip", "siglip2", "large", (512,)),
    Row("vit_so400m_patch14_siglip", "siglip", "so400m", (224, 378)),
    Row("vit_so400m_patch14_siglip", "siglip", "so400m", (384,), UNTILED),
    Row("vit_so400m_patch16_siglip", "siglip2", "so400m", (256, 384, 512)),
    Row("vit_giantopt_patch16_siglip", "siglip2", "giantopt", (256, 384)),
    # The same with the mean over the patches; 448 and 896 are PaliGemma's.
    Row("vit_base_patch32_siglip_gap", "siglip2_gap", "base", (256,)),
    Row("vit_base_patch16_siglip_gap", "siglip_gap", "base", (224, 256, 384, 512)),
    Row("vit_large_patch16_siglip_gap", "siglip_gap", "large", (256, 384)),
    Row("vit_large_patch16_siglip_gap", "siglip2_gap", "large", (512,)),
    Row("vit_so400m_patch14_siglip_gap", "siglip_gap", "so400m", (224, 378)),
    Row("vit_so400m_patch14_siglip_gap", "siglip_gap", "so400m", (384,), UNTILED),
    Row("vit_so400m_patch14_siglip_gap", "paligemma", "so400m", (448, 896)),
    Row("vit_so400m_patch16_siglip_gap", "siglip2_gap", "so400m", (256, 384, 512)),
    Row("vit_giantopt_patch16_siglip_gap", "siglip2_gap", "giantopt", (256, 384)),
    # TIPSv2
    Row("vit_{size}_patch14_reg1_tipsv2", "tipsv2", "base large so400m"),
    Row("vit_giant_patch14_reg1_tipsv2", "tipsv2", "giant", changes=GATED),
    # Perception Encoder
    Row(
        "vit_pe_core_{size}_patch16",
        "pe_core",
        "tiny small",
        (384,),
        {**TEXT_512, "rope_grid": (24, 24)},
    ),
    Row(
        "vit_pe_core_base_patch16",
        "pe_core",
        "base",
        (224,),
        {**TEXT_1024, "rope_grid": (14, 14)},
    ),
    Row(
        "vit_pe_core_large_patch14",
        "pe_core",
        "large",
        (336,),
        {**TEXT_1024, "rope_grid": (24, 24)},
    ),
    Row(
        "vit_pe_core_gigantic_patch14",
        "pe_core",
        "gigantic",
        (448,),
        {**PE_GIGANTIC, **TEXT_1280, "pool_mlp_dim": 6144},
    ),
    Row(
        "vit_pe_lang_large_patch14",
        "pe",
        "large",
        (448,),
        {"depth": 23, "layer_scale": 0.1},
    ),
    Row(
        "vit_pe_lang_gigantic_patch14",
        "pe",
        "gigantic",
        (448,),
        {**PE_GIGANTIC, "depth": 47, "layer_scale": 0.1},
    ),
    Row("vit_pe_spatial_{size}_patch16", "pe", "tiny small base", (512,)),
    Row("vit_pe_spatial_large_patch14", "pe", "large", (448,)),
    Row(
        "vit_pe_spatial_gigantic_patch14",
        "pe",
        "gigantic",
        (448,),
        {**PE_GIGANTIC, "layer_scale": 0.1},
    ),
    # InternViT
    Row("vit_intern300m_patch14", "intern", "large", (448,)),
    # C-RADIO
    Row(
        "vit_{size}_patch16_radio_v3",
        "radio3",
        "base large",
        changes={"layer_scale": 1e-5},
    ),
    Row("vit_{size}_patch16_radio_v3", "radio3", "huge giant"),
    Row("vit_{size}_patch16_radio_v4", "radio4", "so400m huge"),
    # timm's test models
    Row("test_vit", "test", "test_vit"),
    Row("test_vit2", "test", "test_vit2", changes={**TEST, **MEAN_NORM}),
    Row(
        "test_vit3",
        "test",
        "test_vit3",
        changes={**TEST, "pool": "map", "pool_prefix": True},
    ),
    Row("test_vit4", "test", "test_vit4", changes={**TEST, **MEAN_NORM, "norm": "rms"}),
)

# Notebooks

NOTEBOOK_000: Changes = {"num_heads": 8}
NOTEBOOK_001: Changes = {
    "depth": 2,
    "num_heads": 4,
    "mlp_dim": 1536,
    "num_classes": 10,
    "class_token": "last",
    "qkv_bias": "none",
    "proj_bias": False,
    "activation": "relu",
    "norm_eps": 1e-5,
    "final_norm": False,
    "attn_dropout": 0.2,
}
NOTEBOOK_002: Changes = {
    "image_size": 8,
    "patch_size": 4,
    "embed_dim": 8,
    "depth": 6,
    "num_heads": 8,
    "mlp_dim": 2048,
    "patch_bias": False,
    "position_rows": 16,
    "block": "post",
    "activation": "relu",
    "norm_eps": 1e-5,
    "final_norm": False,
    "dropout": 0.1,
    "attn_dropout": 0.1,
}
NOTEBOOK_003: Changes = {
    "image_size": 28,
    "patch_size": 4,
    "in_channels": 1,
    "num_classes": 10,
    "embed_dim": 16,
    "depth": 4,
    "num_heads": 8,
    "block": "post",
    "norm_eps": 1e-5,
    "final_norm": False,
    "norm_after_pool": True,
    "dropout": 0.001,
    "attn_dropout": 0.001,
    "pos_dropout": 0.001,
}
# The notebook has no ViT class; lucidrains' of March 2021 completes it.
NOTEBOOK_004: Changes = {
    "embed_dim": 1024,
    "depth": 6,
    "num_heads": 16,
    "head_dim": 64,
    "mlp_dim": 2048,
    "qkv_bias": "none",
    "norm_eps": 1e-5,
    "final_norm": False,
    "norm_after_pool": True,
}

# Each as its code computes it, and as its text means it.
NOTEBOOKS: tuple[Notebook, ...] = (
    Notebook(
        "notebook_000_literal",
        {**NOTEBOOK_000, **FEATURES, "attn_scale": 768**-0.5, "final_norm": False},
        "timm",
    ),
    Notebook("notebook_000_intended", NOTEBOOK_000, "timm"),
    Notebook(
        "notebook_001_literal",
        {**NOTEBOOK_001, "block": "pre_normed_residual", "pool": "none"},
        "d2l",
    ),
    Notebook("notebook_001_intended", NOTEBOOK_001, "d2l"),
    Notebook(
        "notebook_002_literal",
        {**NOTEBOOK_002, **FEATURES, "attend_over": "batch", "pool": "none"},
        "torch_encoder_bare",
    ),
    Notebook(
        "notebook_002_intended",
        {**NOTEBOOK_002, "num_classes": 10},
        "torch_encoder_bare",
    ),
    Notebook(
        "notebook_003_literal",
        {**NOTEBOOK_003, "attend_over": "batch", "mlp_dim": 2048},
        "torch_encoder",
        half(1),
    ),
    Notebook(
        "notebook_003_intended",
        {**NOTEBOOK_003, "mlp_dim": 768},
        "torch_encoder",
        half(1),
    ),
    Notebook(
        "notebook_004_literal",
        {**NOTEBOOK_004, "attn_scale": 64**0.5},
        "lucidrains_2021_03_29",
    ),
    Notebook("notebook_004_intended", NOTEBOOK_004, "lucidrains_2021_03_29"),
)
