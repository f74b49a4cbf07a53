"""The Vision Transformer for JAX: the architecture, the conversion, the training.

The public names are imported when they are first asked for: `vit-jax --help` and the
data pipeline's workers need no jax.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vit_jax.config import ViTConfig
    from vit_jax.errors import InputError
    from vit_jax.model.params import bind, init_params, unbind
    from vit_jax.model.vit import VisionTransformer
    from vit_jax.pixels import Pixels, normalise
    from vit_jax.presets import PRESETS
    from vit_jax.weights.convert import load, save
    from vit_jax.weights.faults import ConversionError
    from vit_jax.weights.proof.parity import parity

__version__ = "0.1.0"
__all__ = [
    "PRESETS",
    "ConversionError",
    "InputError",
    "Pixels",
    "ViTConfig",
    "VisionTransformer",
    "bind",
    "init_params",
    "load",
    "normalise",
    "parity",
    "save",
    "unbind",
]

_HOMES = {
    "PRESETS": "vit_jax.presets",
    "ConversionError": "vit_jax.weights.faults",
    "InputError": "vit_jax.errors",
    "Pixels": "vit_jax.pixels",
    "ViTConfig": "vit_jax.config",
    "VisionTransformer": "vit_jax.model.vit",
    "bind": "vit_jax.model.params",
    "init_params": "vit_jax.model.params",
    "load": "vit_jax.weights.convert",
    "normalise": "vit_jax.pixels",
    "parity": "vit_jax.weights.proof.parity",
    "save": "vit_jax.weights.convert",
    "unbind": "vit_jax.model.params",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vit_jax' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
