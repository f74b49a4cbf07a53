"""All originals: what builds one, whose file it is, and where its source stands."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.parity.originals import google, lucidrains, lucidrains_simple, meta
from tests.parity.originals.meta_dinov3 import DinoV3
from tests.parity.originals.openai_clip import Clip


class Original(NamedTuple):
    """A published model by its builder.

    `build` takes sizes as keyword arguments in our words (image_size, patch_size,
    embed_dim, depth, num_heads; mlp_dim, num_classes, ... where the model has them).
    Torch modules come back in evaluation mode with their initial values; the family
    google's are `google.Google`, random already.
    """

    build: Callable[..., Any]
    family: str
    source: str


def _torch(kind: Callable[..., Any], family: str, source: str, **told: Any) -> Original:
    def build(**sizes: Any) -> Any:
        return kind(**{**told, **sizes}).eval()

    return Original(build, family, source)


def _google(kind: Callable[..., Any], source: str, **told: Any) -> Original:
    return Original(functools.partial(kind, **told), "google", source)


DINO = "facebookresearch/dino vision_transformer.py, 2021"
MAE = "facebookresearch/mae models_mae.py, 2022"
FINETUNE = "facebookresearch/mae models_vit.py, 2022"
V2 = "facebookresearch/dinov2 dinov2/models/vision_transformer.py 112792f"
V3 = "facebookresearch/dinov3 dinov3/models/vision_transformer.py, 2025"
CLIP = "openai/CLIP clip/model.py, 2021"
VIT_JAX = "google-research/vision_transformer vit_jax/models_vit.py 06862cd"
BIG = "google-research/big_vision big_vision/models/vit.py 5f95305"

_META = {
    "dino": _torch(meta.Dino, "dino", DINO),
    "dino_teacher": _torch(meta.DinoTeacher, "dino", DINO + ", utils.py"),
    "mae": _torch(meta.Mae, "mae", MAE),
    "mae_mean": _torch(meta.MaeFinetuned, "mae", FINETUNE),
    "mae_token": _torch(meta.MaeFinetuned, "mae", FINETUNE, global_pool=False),
    "dinov2": _torch(meta.DinoV2, "dinov2", V2),
    "dinov2_registers": _torch(meta.DinoV2, "dinov2", V2, registers=4),
    "dinov2_giant": _torch(meta.DinoV2, "dinov2", V2, ffn_layer="swiglufused"),
    "dinov2_one_chunk": _torch(meta.DinoV2, "dinov2", V2, block_chunks=1),
    "dinov2_two_chunks": _torch(meta.DinoV2, "dinov2", V2, block_chunks=2, registers=4),
    "dinov3": _torch(DinoV3, "dinov3", V3),
    "dinov3_bf16_periods": _torch(DinoV3, "dinov3", V3, bf16_periods=True),
    "dinov3_plus": _torch(DinoV3, "dinov3", V3, ffn_layer="swiglu", mlp_ratio=6.0),
    "dinov3_satellite": _torch(DinoV3, "dinov3", V3, untie=True),
    "dinov3_7b": _torch(
        DinoV3,
        "dinov3",
        V3,
        ffn_layer="swiglu64",
        mlp_ratio=3.0,
        qkv_bias=False,
        untie=True,
    ),
}

_LUCIDRAINS = {
    f"lucidrains_{name}": _torch(
        build,
        "lucidrains",
        f"lucidrains/vit-pytorch vit.py, release {lucidrains.ERAS[name].release}",
    )
    for name, build in lucidrains.BUILDERS.items()
} | {
    f"lucidrains_{name}_mean": _torch(
        lucidrains.BUILDERS[name],
        "lucidrains",
        f"lucidrains/vit-pytorch vit.py, release {era.release}",
        pool="mean",
    )
    for name, era in lucidrains.ERAS.items()
    if era.pools
}

_SIMPLE = {
    f"lucidrains_simple_{name}": _torch(
        lucidrains_simple.BUILDERS[name],
        "lucidrains",
        f"lucidrains/vit-pytorch simple_vit.py, release {release}",
    )
    for name, release in lucidrains_simple.RELEASES.items()
}

_GOOGLE = {
    "vit_jax_token": _google(google.vit_jax, VIT_JAX),
    "vit_jax_gap": _google(google.vit_jax, VIT_JAX, classifier="gap"),
    "vit_jax_pre_logits": _google(google.vit_jax, VIT_JAX, rep_size=48),
    "vit_jax_unpooled": _google(
        google.vit_jax, VIT_JAX, classifier="unpooled", num_classes=0
    ),
    "big_vision_gap": _google(google.big_vision, BIG),
    "big_vision_token": _google(google.big_vision, BIG, pool="tok"),
    "big_vision_sincos": _google(google.big_vision, BIG, posemb="sincos2d"),
    "big_vision_pre_logits": _google(google.big_vision, BIG, pool="tok", rep_size=48),
    "big_vision_map": _google(google.big_vision, BIG, pool="map"),
    "big_vision_siglip": _google(google.big_vision, BIG, pool="map", num_classes=0),
    "big_vision_scan": _google(google.big_vision, BIG, pool="map", scan=True),
}

ORIGINALS: dict[str, Original] = {
    **_META,
    "openai_clip": _torch(Clip, "openai_clip", CLIP),
    "openai_clip_official": _torch(Clip, "openai_clip", CLIP, extras=True),
    **_LUCIDRAINS,
    **_SIMPLE,
    **_GOOGLE,
}
