"""A weights file's model beside a torch module that loads the same file itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.presets import PRESETS
from vit_jax.release import Release, is_release
from vit_jax.weights.convert import export, to_model
from vit_jax.weights.files import read_tensors
from vit_jax.weights.folders.read import read_side_files
from vit_jax.weights.proof.parity import parity
from vit_jax.weights.proof.reference import (
    LOADED,
    build_reference,
    load_tensors,
    split_spec,
)
from vit_jax.weights.proof.report import ParityReport
from vit_jax.weights.read import read_release

if TYPE_CHECKING:
    from torch import nn


def prove(
    source: Path,
    reference: str,
    *,
    preset: str | None = None,
    source_layout: str | None = None,
    entry: str | None = None,
    num_images: int = 2,
    seed: int = 0,
    tolerance: float | None = None,
    **overrides: Any,
) -> ParityReport:
    """Returns how far a file's model is from a reference with the file's own tensors.

    The reference's tensors do not pass through our converter, save where the source is
    a folder of ours. The images are random, normal with deviation 1.

    Args:
      source: weights file, or a folder of ours, of Hugging Face or of timm.
      reference: `timm:NAME`, `hf:FOLDER`, `torchvision:NAME`, `open_clip:NAME` or
        `FILE.py:FUNCTION`; see build_reference.
      preset: of the file; None for the one of timm's name, if there is one.
      overrides: fields of ViTConfig that differ from the preset's.

    Raises:
      InputError: the file, the reference or a field cannot be used.
    """
    release, module = open_pair(
        source,
        reference,
        preset=preset,
        source_layout=source_layout,
        entry=entry,
        **overrides,
    )
    shape = (num_images, *release.config.image_shape)
    images = np.random.default_rng(seed).standard_normal(shape, np.float32)
    layout = None if split_spec(reference)[0] in LOADED else release.layout
    return parity(to_model(release), module, images, tolerance=tolerance, layout=layout)


def open_pair(
    source: Path,
    reference: str,
    *,
    preset: str | None = None,
    source_layout: str | None = None,
    entry: str | None = None,
    **overrides: Any,
) -> tuple[Release, "nn.Module"]:
    """Returns a file's model, and the reference with the file's own tensors.

    Args, raises: as `prove`.
    """
    where, name = split_spec(reference)
    if not preset and where == "timm" and not source.is_dir() and name in PRESETS:
        preset = name
    release = read_release(
        source, preset=preset, layout=source_layout, entry=entry, **overrides
    )
    module = build_reference(reference, release.config)
    if where not in LOADED:
        load_tensors(module, _own_tensors(source, release, entry))
    return release, module


def _own_tensors(
    source: Path, release: Release, entry: str | None
) -> dict[str, NDArray[Any]]:
    """Returns a file's tensors as they are; of a folder of ours those it gives back."""
    if source.is_dir() and is_release(source):
        return export(release)
    return read_tensors(read_side_files(source).weights, entry=entry)
