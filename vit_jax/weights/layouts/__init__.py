"""One file a publisher: tables, no code. `LAYOUTS` has them all by name."""

from vit_jax.errors import InputError, near
from vit_jax.weights.layout import Layout
from vit_jax.weights.layouts.clip import CLIP
from vit_jax.weights.layouts.d2l import D2L
from vit_jax.weights.layouts.google import GOOGLE
from vit_jax.weights.layouts.huggingface_clip import HUGGINGFACE_CLIP
from vit_jax.weights.layouts.huggingface_dino import HUGGINGFACE_DINO
from vit_jax.weights.layouts.huggingface_flax import HUGGINGFACE_FLAX
from vit_jax.weights.layouts.huggingface_vit import HUGGINGFACE_VIT
from vit_jax.weights.layouts.lucidrains import LUCIDRAINS, SIMPLE_VIT
from vit_jax.weights.layouts.meta import META
from vit_jax.weights.layouts.timm import (
    TIMM,
    TIMM_EVA,
    TIMM_EVA_SPLIT_GLU,
    TIMM_EVA_SPLIT_QKV,
    TIMM_EVA_SPLIT_QKV_GLU,
    TIMM_SPLIT_GLU,
)
from vit_jax.weights.layouts.timm_parallel import (
    TIMM_18X2,
    TIMM_PARALLEL,
    TIMM_PARALLEL_FUSED,
)
from vit_jax.weights.layouts.torch_encoder import TORCH_ENCODER, TORCH_ENCODER_BARE
from vit_jax.weights.layouts.torchvision import TORCHVISION, TORCHVISION_V1

LAYOUTS = {
    layout.name: layout
    for layout in (
        TIMM,
        TIMM_SPLIT_GLU,
        TIMM_EVA,
        TIMM_EVA_SPLIT_GLU,
        TIMM_EVA_SPLIT_QKV,
        TIMM_EVA_SPLIT_QKV_GLU,
        TIMM_PARALLEL,
        TIMM_PARALLEL_FUSED,
        TIMM_18X2,
        *LUCIDRAINS,
        *SIMPLE_VIT,
        *META,
        TORCHVISION,
        TORCHVISION_V1,
        *CLIP,
        *GOOGLE,
        *HUGGINGFACE_VIT,
        *HUGGINGFACE_DINO,
        *HUGGINGFACE_CLIP,
        *HUGGINGFACE_FLAX,
        TORCH_ENCODER,
        TORCH_ENCODER_BARE,
        D2L,
    )
}


def find_layout(name: str) -> Layout:
    """Returns the layout of a name.

    Raises:
      InputError: there is none; the message names them all.
    """
    if name not in LAYOUTS:
        raise InputError(
            f"there is no layout {name!r}.{near(name, LAYOUTS)} Known:"
            f" {', '.join(LAYOUTS)}."
        )
    return LAYOUTS[name]
