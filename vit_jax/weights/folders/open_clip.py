"""open_clip's open_clip_config.json, read.

Source: open_clip/model.py, CLIPVisionCfg and _build_vision_tower (open_clip_torch 3.3).
"""

from typing import Any

from vit_jax.pixels import Pixels
from vit_jax.weights.folders.side_json import Values
from vit_jax.weights.folders.timm import read_architecture

Fields = dict[str, Any]

# Choices of the image tower that our model does not have.
NEVER = ("attentional_pool", "no_ln_pre", "input_patchnorm")


def read_config(values: Values) -> tuple[Fields, Pixels | None]:
    """Returns fields of ViTConfig and pixel statistics that a file tells.

    Raises:
      InputError: a value that is not known here, or of a wrong type.
    """
    processing = values.inner("preprocess_cfg")
    mean, std = processing.numbers("mean"), processing.numbers("std")
    pixels = Pixels(mean, std) if mean and std else None
    model = values.inner("model_cfg")
    tower = model.inner("vision_cfg")
    if tower.take("timm_model_name", ""):
        fields = read_architecture(
            tower, "timm_model_name", pool=tower.take("timm_pool", "avg")
        )
        del fields["num_classes"]  # of the projection, which shapes tell
        return {**fields, "image_size": tower.size("image_size", 224)}, pixels
    return _read_tower(tower, quick=model.take("quick_gelu", False)), pixels


def _read_tower(tower: Values, *, quick: bool) -> Fields:
    for key in NEVER:
        tower.choose(key, False, {False: False})
    tower.choose("pool_type", "tok", {"tok": "cls"})
    tower.choose("pos_embed_type", "learnable", {"learnable": "learned"})
    gelu = tower.inner("act_kwargs").choose(
        "approximate", "none", {"none": "gelu", "tanh": "gelu_tanh"}
    )
    width, heads = tower.take("width", 768), tower.take("head_width", 64)
    return {
        "image_size": tower.size("image_size", 224),
        "patch_size": tower.size("patch_size", 16),
        "embed_dim": width,
        "depth": tower.take("layers", 12),
        "num_heads": width // max(heads, 1),
        "mlp_dim": int(width * tower.take("mlp_ratio", 4.0)),
        "layer_scale": tower.take("ls_init_value", 0.0) or None,
        "activation": "quick_gelu" if quick else gelu,
        "norm_eps": tower.inner("norm_kwargs").take("eps", 1e-5),
    }
