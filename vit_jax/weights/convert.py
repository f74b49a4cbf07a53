"""Weights of any supported file or folder into a model, and back."""

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError, InputWarning
from vit_jax.model.params import bind, param_shapes, unbind
from vit_jax.model.vit import VisionTransformer
from vit_jax.pixels import half
from vit_jax.presets import PRESETS, find_preset
from vit_jax.release import Release, load_release, save_release
from vit_jax.weights.detect import GUESSES, infer_config
from vit_jax.weights.faults import ConversionError
from vit_jax.weights.files import check_suffix, read_tensors, write_tensors
from vit_jax.weights.layouts import LAYOUTS, find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.mend import find_mend, name_presets

DTYPES = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}
NOT_ARCHITECTURE = (
    "image_size",
    "in_channels",
    "num_classes",
    "dropout",
    "attn_dropout",
    "pos_dropout",
    "drop_path",
    "dtype",
    "attention",
    "scan_layers",
    "remat",
)


def load(
    path: str | Path, *, preset: str | None = None, **overrides: Any
) -> VisionTransformer:
    """Returns the model in a weights file, a release's folder or a finished run's.

    Parameters become float32, whatever the file's dtype. With no preset the config is
    inferred from the shapes, and what they cannot tell is warned of as a guess.

    Args:
      path: `.safetensors`, `.pth`, `.pt` or `.bin` in the preset's layout, or in
        timm's plain one; or a folder.
      preset: name of a published model that the weights are of.
      overrides: fields of ViTConfig that differ from the preset's or the inferred.

    Raises:
      InputError: no such file, a damaged one, or an unknown preset or field.
      ConversionError: the weights are of another model; the error lists every tensor.
    """
    return to_model(read_release(Path(path), preset=preset, **overrides))


def to_model(release: Release) -> VisionTransformer:
    """Returns a release's model, its parameters in float32."""
    params = {
        name: jnp.asarray(array, jnp.float32) for name, array in release.params.items()
    }
    return bind(release.config, params)


def save(
    model: VisionTransformer,
    path: str | Path,
    *,
    layout: str | None = None,
    dtype: str | None = None,
) -> None:
    """Writes a model's weights under a publisher's names.

    Args:
      path: `.safetensors`, or `.pth`, `.pt` and `.bin` where torch is installed.
      layout: whose names and axes; None for those of the published model with this
        architecture, or the first that has a place for every parameter.
      dtype: float32, bfloat16 or float16 to round to; None keeps float32.

    Raises:
      InputError: an unknown suffix, layout or dtype.
      ConversionError: the layout has no place for a parameter of the model.
    """
    params = {name: np.asarray(leaf) for name, leaf in unbind(model).items()}
    if dtype is not None:
        if dtype not in DTYPES:
            raise InputError(f"dtype={dtype!r}; expected one of {', '.join(DTYPES)}.")
        params = {name: array.astype(DTYPES[dtype]) for name, array in params.items()}
    plan = make_plan(find_layout(layout or choose_layout(model.config)), model.config)
    write_tensors(Path(path), plan.to_theirs(params))


def convert(
    source: Path,
    target: Path,
    *,
    preset: str | None = None,
    layout: str | None = None,
    **overrides: Any,
) -> Release:
    """Writes what one file or folder holds as another, every tensor in its own dtype.

    A target with a suffix is a file of that kind, in the layout; one without is a
    release's folder. Without a layout it is that which the weights came in. Returns
    what was converted.
    """
    if target.suffix:
        check_suffix(target)
    release = read_release(source, preset=preset, **overrides)
    if target.suffix:
        write_tensors(target, export(release, layout))
    else:
        save_release(target, release)
    return release


def export(release: Release, layout: str | None = None) -> dict[str, NDArray[Any]]:
    """Returns a release's tensors in a layout, or in that which they came in."""
    name = layout or release.layout or choose_layout(release.config)
    params = {name: np.asarray(leaf) for name, leaf in release.params.items()}
    return make_plan(find_layout(name), release.config).to_theirs(params)


def choose_layout(config: ViTConfig) -> str:
    """Returns the layout of the published model of an architecture, or one that fits.

    Raises:
      ConversionError: no layout has a place for every parameter.
    """
    architecture = _architecture(config)
    for preset in PRESETS.values():
        if _architecture(preset.config) == architecture:
            return preset.layout
    for name in LAYOUTS:
        try:
            make_plan(find_layout(name), config)
        except ConversionError:
            continue
        return name
    raise ConversionError(
        "no layout has a place for all of this model's parameters",
        [],
        "Keep it as a folder: vit-jax convert SOURCE FOLDER.",
    )


def _architecture(config: ViTConfig) -> dict[str, Any]:
    """Returns the fields that a fine-tuned model shares with the published one."""
    fields = dataclasses.asdict(config)
    return {name: fields[name] for name in fields if name not in NOT_ARCHITECTURE}


def read_release(path: Path, *, preset: str | None = None, **overrides: Any) -> Release:
    """Returns the parameters of a file or folder, in its dtype, with their card."""
    chosen = find_preset(preset) if preset else None
    if path.is_dir():
        release = load_release(path)
        if chosen:
            raise InputError(
                f"{path} is a folder with a config of its own: leave preset={preset!r}"
                " out."
            )
        return dataclasses.replace(release, config=_keep_shape(release, overrides))
    tensors = read_tensors(path)
    if chosen:
        config = chosen.config.replace(**overrides)
    else:
        try:
            config = infer_config(tensors, num_heads=overrides.get("num_heads"))
        except InputError as error:
            raise InputError(f"{error} {name_presets(tensors)}".strip()) from None
        config = config.replace(**overrides)
    guesses = [name for name in GUESSES if name not in overrides]
    if not chosen and guesses:
        told = ", ".join(f"{name}={getattr(config, name)!r}" for name in guesses)
        warnings.warn(
            f"{path}: weights do not tell {told}; these are guesses from timm's plain"
            " ViTs. Name a preset, or give the fields, to be sure.",
            InputWarning,
            stacklevel=3,
        )
    layout = chosen.layout if chosen else "timm"
    try:
        params = make_plan(find_layout(layout), config).to_ours(tensors)
    except ConversionError as error:
        mend = find_mend(tensors, config)
        raise ConversionError(error.what, error.faults, mend) from None
    fitting = chosen and len(chosen.pixels.mean) == config.in_channels
    pixels = chosen.pixels if chosen and fitting else half(config.in_channels)
    return Release(
        config=config, params=params, pixels=pixels, class_names=(), layout=layout
    )


def _keep_shape(release: Release, overrides: dict[str, Any]) -> ViTConfig:
    """Returns a release's config with overrides that change no parameter's shape."""
    config = release.config.replace(**overrides)
    if param_shapes(config) != param_shapes(release.config):
        raise InputError(
            f"{', '.join(overrides)} would give other shapes than the parameters have:"
            " leave out what does not fit."
        )
    return config
