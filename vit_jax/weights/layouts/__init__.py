"""One file a publisher: tables, no code. `LAYOUTS` has them all by name."""

from vit_jax.errors import InputError, near
from vit_jax.weights.layouts.d2l import D2L
from vit_jax.weights.layouts.lucidrains import LUCIDRAINS_2021
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
from vit_jax.weights.mapping import Layout

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
        LUCIDRAINS_2021,
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
