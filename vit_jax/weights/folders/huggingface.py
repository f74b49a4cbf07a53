"""Hugging Face's config.json and preprocessor_config.json, read and written.

Source: transformers/models/*/configuration_*.py (transformers 5.23).
"""

from vit_jax.architecture import pair
from vit_jax.config import ViTConfig
from vit_jax.pixels import UNIT, Pixels
from vit_jax.weights.folders.huggingface_keys import NESTED, PARTS, Fields
from vit_jax.weights.folders.side_json import Values


def read_config(values: Values) -> tuple[Fields, tuple[str, ...]]:
    """Returns fields of ViTConfig and class names that a config.json tells.

    Raises:
      InputError: a model or value that is not known here, or of a wrong type.
    """
    name = values.take("model_type", "")
    names = _read_names(values)
    if name in NESTED:
        name, values = NESTED[name], values.inner("vision_config")
    if name not in PARTS:
        known = ", ".join((*PARTS, *NESTED))
        values.refuse("model_type", f"one of {known}")
    fields: Fields = {}
    for part in PARTS[name]:
        fields |= part.read(values)
    sides = zip(pair(fields["image_size"]), pair(fields["patch_size"]), strict=True)
    # Convolutions leave the last pixels out where they are too few for a patch.
    rest = any(patch > 0 and image % patch for image, patch in sides)
    return {**fields, **({"drop_remainder": True} if rest else {})}, names


def write_config(model_type: str, config: ViTConfig) -> Fields:
    """Returns the keys of a config.json, or of a vision_config, of a model.

    Raises:
      InputError: a choice of the model that transformers does not have.
    """
    keys: Fields = {"model_type": model_type}
    for part in PARTS[model_type]:
        keys |= part.write(config)
    return keys


def _read_names(values: Values) -> tuple[str, ...]:
    """Returns the names of the classes; none where they were never given."""
    names = values.take("id2label", {})
    if all(str(name).startswith("LABEL_") for name in names.values()):
        return ()
    if names.keys() != {str(i) for i in range(len(names))}:
        values.refuse("id2label", "a name under each number from 0 on")
    return tuple(str(names[str(i)]) for i in range(len(names)))


def read_pixels(values: Values) -> Pixels | None:
    """Returns the statistics in a preprocessor_config.json; None without any.

    Raises:
      InputError: pixels are scaled otherwise than to 0..1 before they are normalised.
    """
    if not values.take("do_normalize", True):
        return UNIT
    if abs(values.take("rescale_factor", 1 / 255) * 255 - 1) > 1e-6:
        values.refuse("rescale_factor", f"{1 / 255}, which takes pixels to 0..1")
    mean, std = values.numbers("image_mean"), values.numbers("image_std")
    return Pixels(mean, std) if mean and std else None
