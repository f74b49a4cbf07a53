"""What fits a file instead of the model that was asked for."""

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.weights.recognise.detect import detect
from vit_jax.weights.recognise.infer import Inference
from vit_jax.weights.recognise.peel import Tensors

FLAGS = {
    "image_size": "resample='timm' (--resample timm)",
    "patch_size": "resample='timm' (--resample timm)",
    "in_channels": "adapt_channels=True (--adapt-channels)",
    "num_classes": "new_head=True (--new-head)",
}
"""What adapts a file to another value of a field."""


def find_mend(tensors: Tensors, config: ViTConfig) -> str:
    """Returns which fields or presets fit a file that a config's model does not fit.

    Empty where nothing is known that does.
    """
    try:
        found = detect(tensors, {"num_heads": 1})
    except InputError:
        return ""
    if found.faults:
        return ""
    different = _differences(found.inference, config)
    if not different:
        return ""
    mend = f"The file's shapes say: {', '.join(different)}. Ask for these to load it."
    names = [told.partition("=")[0] for told in different]
    if set(names) <= FLAGS.keys():
        flags = " and ".join(dict.fromkeys(FLAGS[name] for name in names))
        mend = f"{mend[:-1]}, or give {flags} to adapt it."
    presets = " or ".join(found.inference.presets[:3])
    return f"{mend} That is {presets}." if presets else mend


def _differences(found: Inference, config: ViTConfig) -> list[str]:
    asked = {name: getattr(config, name) for name in found.told}
    if config.layer_scale is not None:
        asked["layer_scale"] = 1e-5
    names = [name for name in found.told if found.told[name] != asked[name]]
    return [
        f"{name}={found.told[name]!r} (asked for {asked[name]!r})"
        for name in names
        if name not in ("num_heads", "head_dim")
    ]
