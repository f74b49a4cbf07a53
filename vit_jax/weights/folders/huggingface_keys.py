"""Keys of Hugging Face's config.json and what fields of ours they are, both ways.

Source: transformers/models/*/configuration_*.py (transformers 5.23), whose defaults
stand for the keys that a file leaves out.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.weights.folders.side_json import Values

Fields = dict[str, Any]


class Part(NamedTuple):
    """Keys of a config.json that belong together, and fields of ViTConfig."""

    read: Callable[[Values], Fields]
    write: Callable[[ViTConfig], Fields]


def _same(theirs: str, ours: str, default: Any) -> Part:
    """Returns a key whose value is that of a field."""
    return Part(
        lambda values: {ours: values.take(theirs, default)},
        lambda config: {theirs: getattr(config, ours)},
    )


def _size(name: str, default: int) -> Part:
    def write(config: ViTConfig) -> Fields:
        size = getattr(config, name)
        return {name: size if isinstance(size, int) else list(size)}

    return Part(lambda values: {name: values.size(name, default)}, write)


def _choice(
    theirs: str, ours: str, default: str | bool, options: Mapping[Any, Any]
) -> Part:
    """Returns a key whose values stand for those of a field; the first is written."""

    def write(config: ViTConfig) -> Fields:
        value = getattr(config, ours)
        found = [key for key in options if options[key] == value]
        if not found:
            raise InputError(
                f"{ours}={value!r} has no {theirs} in Hugging Face's config:"
                f" {', '.join(map(repr, options.values()))} have."
            )
        return {theirs: found[0]}

    return Part(lambda values: {ours: values.choose(theirs, default, options)}, write)


ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
BIASES = {"query_bias": "q", "key_bias": "k", "value_bias": "v"}


def _activation(default: str) -> Part:
    return _choice("hidden_act", "activation", default, ACTIVATIONS)


def _layer_scale(theirs: str, default: float) -> Part:
    """Returns the initial value of layer scale, 0 where there is none."""
    return Part(
        lambda values: {"layer_scale": values.take(theirs, default) or None},
        lambda config: {theirs: float(config.layer_scale or 0)},
    )


def _never(theirs: str) -> Part:
    """Returns a choice that no field of ours stands for."""

    def read(values: Values) -> Fields:
        values.choose(theirs, False, {False: False})
        return {}

    return Part(read, lambda config: {theirs: False})


def _gated_width(embed_dim: int, ratio: float) -> int:
    """Returns two thirds of the hidden width, in eights."""
    return (int(int(embed_dim * ratio) * 2 / 3) + 7) // 8 * 8


def _read_ratio(values: Values) -> Fields:
    ratio, width = values.take("mlp_ratio", 4.0), values.take("hidden_size", 768)
    if not values.take("use_swiglu_ffn", False):
        return {"mlp": "plain", "mlp_dim": int(width * ratio), **_GELU.read(values)}
    mlp_dim = _gated_width(width, ratio)
    return {"mlp": "gated", "mlp_dim": mlp_dim, "activation": "silu"}


def _write_ratio(config: ViTConfig) -> Fields:
    gated, width = config.mlp == "gated", config.embed_dim
    for ratio in range(1, 65):
        if config.mlp_dim == (_gated_width(width, ratio) if gated else width * ratio):
            activation = {} if gated else _GELU.write(config)
            return {"mlp_ratio": ratio, "use_swiglu_ffn": gated, **activation}
    raise InputError(
        f"mlp_dim={config.mlp_dim} for embed_dim={width}: Hugging Face's DINOv2 has a"
        " whole mlp_ratio, which gives no such width."
    )


def _read_biases(values: Values) -> Fields:
    found = [BIASES[key] for key in BIASES if values.take(key, key != "key_bias")]
    return {"qkv_bias": "".join(found) or "none"}


def _write_biases(config: ViTConfig) -> Fields:
    present = config.qkv_bias.replace("none", "")
    return {key: BIASES[key] in present for key in BIASES}


def _read_patches(values: Values) -> Fields:
    side = math.isqrt(values.take("num_patches", 256))
    return {"image_size": side * values.take("patch_size", 16)}


_GELU = _activation("gelu")
_SIZES = (
    _same("hidden_size", "embed_dim", 768),
    _same("num_hidden_layers", "depth", 12),
    _same("num_attention_heads", "num_heads", 12),
    _same("num_channels", "in_channels", 3),
)
_IMAGE = _size("image_size", 224)
_MLP = _same("intermediate_size", "mlp_dim", 3072)
_QKV_BIAS = _choice("qkv_bias", "qkv_bias", True, {True: "qkv", False: "none"})
_POOLER = _choice(
    "pooler_act", "pre_logits_activation", "tanh", {"tanh": "tanh", "gelu": "gelu"}
)


def _eps(default: float) -> Part:
    return _same("layer_norm_eps", "norm_eps", default)


_TRUNK = (*_SIZES, _IMAGE, _size("patch_size", 16), _GELU)
_VIT = (*_TRUNK, _MLP, _QKV_BIAS, _eps(1e-12))
_DINOV2 = (
    *_SIZES,
    _IMAGE,
    Part(_read_ratio, _write_ratio),
    _QKV_BIAS,
    _eps(1e-6),
    _layer_scale("layerscale_value", 1.0),
)
_SIGLIP = (*_SIZES, _MLP, _activation("gelu_pytorch_tanh"), _eps(1e-6))

PARTS: dict[str, tuple[Part, ...]] = {
    "vit": (*_VIT, _POOLER),
    "deit": (*_VIT, _POOLER),
    "vit_mae": _VIT,
    "vit_msn": (*_TRUNK, _MLP, _QKV_BIAS, _eps(1e-6)),
    "ijepa": _VIT,
    "beit": (
        *_TRUNK,
        _MLP,
        _eps(1e-12),
        _layer_scale("layer_scale_init_value", 0.1),
        _same("use_relative_position_bias", "relative_position_bias", False),
        _choice(
            "use_absolute_position_embeddings",
            "position",
            False,
            {False: "none", True: "learned"},
        ),
        _choice("use_mean_pooling", "pool", True, {True: "mean", False: "cls"}),
        _never("use_shared_relative_position_bias"),
    ),
    "dinov2": (*_DINOV2, _size("patch_size", 14)),
    "dinov2_with_registers": (
        *_DINOV2,
        _size("patch_size", 16),
        _same("num_register_tokens", "num_registers", 4),
    ),
    "dinov3_vit": (
        *_TRUNK,
        _same("hidden_size", "embed_dim", 384),
        _same("num_attention_heads", "num_heads", 6),
        _same("intermediate_size", "mlp_dim", 1536),
        _same("num_register_tokens", "num_registers", 0),
        _same("rope_theta", "rope_temperature", 100.0),
        _same("proj_bias", "proj_bias", True),
        _choice("mlp_bias", "mlp_bias", True, {True: "both", False: "none"}),
        _choice("use_gated_mlp", "mlp", False, {False: "plain", True: "gated"}),
        Part(_read_biases, _write_biases),
        _layer_scale("layerscale_value", 1.0),
        _eps(1e-5),
    ),
    "clip_vision_model": (
        *_SIZES,
        _IMAGE,
        _size("patch_size", 32),
        _MLP,
        _activation("quick_gelu"),
        _eps(1e-5),
    ),
    "siglip_vision_model": (*_SIGLIP, _IMAGE, _size("patch_size", 16)),
    "siglip2_vision_model": (
        *_SIGLIP,
        _size("patch_size", 16),
        Part(_read_patches, lambda config: {"num_patches": config.num_patches}),
    ),
}
"""By model_type; of two parts for one key the latter counts."""
NESTED = {
    "clip": "clip_vision_model",
    "siglip": "siglip_vision_model",
    "siglip2": "siglip2_vision_model",
}
"""Models of images and texts, and the model_type of their vision_config."""
