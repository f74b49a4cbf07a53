"""Weights of any supported file or folder into a model, and back."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vit_jax.errors import InputError, InputWarning
from vit_jax.model.params import bind, unbind
from vit_jax.model.vit import VisionTransformer
from vit_jax.pixels import half
from vit_jax.release import Release, save_release
from vit_jax.weights.choose import choose_layout, find_caveats
from vit_jax.weights.files import check_suffix, write_tensors
from vit_jax.weights.folders.write import write_folder
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.read import Adapting, read_release
from vit_jax.weights.resample import Resampling

DTYPES = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16, "float16": np.float16}


def load(
    path: str | Path,
    *,
    preset: str | None = None,
    layout: str | None = None,
    entry: str | None = None,
    resample: Resampling | None = None,
    new_head: bool = False,
    keep_classes: Sequence[int] | None = None,
    adapt_channels: bool = False,
    fold_positions: bool = False,
    **overrides: Any,
) -> VisionTransformer:
    """Returns the model in a weights file or folder.

    Parameters become float32, whatever the file's dtype. Whose file it is and what
    model it holds is found out from its keys, shapes and side files; what these do not
    tell is warned of as a guess.

    Args:
      path: weights file in any layout; folder of ours, of a finished run, of Hugging
        Face or of timm.
      preset: name of a published model that the weights are of.
      layout: whose names the file has; None to find out.
      entry: which of several wrapped dicts of weights, such as model_ema.
      resample: whose interpolation adapts positions and patches to image_size and
        patch_size: timm, huggingface, dino, google, ...; see vit_jax.weights.resample.
      new_head: draws a new head for num_classes, or leaves it out for 0.
      keep_classes: indices of the classes that the head keeps.
      adapt_channels: sums or repeats the patch kernel's channels for in_channels.
      fold_positions: adds the class token's position to the token.
      overrides: fields of ViTConfig that differ from the preset's or the inferred.

    Raises:
      InputError: no such file, a damaged one, or an unknown preset or field.
      ConversionError: the weights are of another model; the error lists every tensor.
    """
    release = read_release(
        Path(path),
        preset=preset,
        layout=layout,
        entry=entry,
        adapting=Adapting(
            resample=resample,
            new_head=new_head,
            keep_classes=keep_classes,
            adapt_channels=adapt_channels,
            fold_positions=fold_positions,
        ),
        **overrides,
    )
    return to_model(release)


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
      path: `.safetensors`, `.npz`, `.msgpack`, or `.pth`, `.pt` and `.bin` where torch
        is installed.
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
    release = Release(
        config=model.config,
        params=params,
        pixels=half(model.config.in_channels),
        class_names=(),
    )
    write_tensors(Path(path), export(release, layout))


def convert(
    source: Path,
    target: Path,
    *,
    layout: str | None = None,
    progress: bool = False,
    **told: Any,
) -> Release:
    """Writes what one file or folder holds as another, every tensor in its own dtype.

    A target with a suffix is a file of that kind. One without is a folder: of ours, or
    with a layout one that the publisher's library opens. Returns what was converted.

    Args:
      layout: whose names the target gets; None for those that the weights came in.
      progress: draw a bar on a terminal.
      told: of the source, as read_release takes it; `source_layout` is its layout.
    """
    if target.suffix:
        check_suffix(target)
    if layout is not None:
        find_layout(layout)
    release = read_release(source, layout=told.pop("source_layout", None), **told)
    if not target.suffix:
        if layout is None:
            save_release(target, release)
        else:
            write_folder(target, release, layout)
        return release
    tensors = export(release, layout)
    total = sum(tensor.nbytes for tensor in tensors.values())
    # On a terminal alone, and not for what takes no time.
    disable = None if progress and total > 2**26 else True
    with tqdm(total=total, unit="B", unit_scale=True, disable=disable) as bar:

        def step(size: int) -> None:
            bar.update(size)

        write_tensors(target, tensors, progress=step)
    return release


def export(release: Release, layout: str | None = None) -> dict[str, NDArray[Any]]:
    """Returns a release's tensors in a layout, or in that which they came in.

    What has no place in the layout, and what the code that opens it computes otherwise,
    is warned of.
    """
    name = layout or release.layout or choose_layout(release.config)
    table = find_layout(name)
    params = {name: np.asarray(leaf) for name, leaf in release.params.items()}
    tensors = make_plan(table, release.config).to_theirs(
        params, release.extras if name == release.layout else None
    )
    left = [key for key in release.extras if name != release.layout]
    if left:
        more = f" and {len(left) - 3} others" if len(left) > 3 else ""
        _warn(f"{', '.join(left[:3])}{more} have no place in {table.title}: left out.")
    caveats = find_caveats(table, release.config)
    if caveats:
        _warn(f"what opens {table.title} computes {', '.join(caveats)}.")
    return tensors


def _warn(message: str) -> None:
    warnings.warn(message, InputWarning, stacklevel=4)
