"""A weights file's model beside a torch module that loads the same file itself."""

from pathlib import Path
from typing import Any

import numpy as np

from vit_jax.presets import PRESETS
from vit_jax.weights.convert import export, read_release, to_model
from vit_jax.weights.files import read_tensors
from vit_jax.weights.parity import parity
from vit_jax.weights.reference import build_reference, load_tensors
from vit_jax.weights.report import ParityReport


def prove(
    source: Path,
    reference: str,
    *,
    preset: str | None = None,
    num_images: int = 2,
    seed: int = 0,
    tolerance: float | None = None,
    **overrides: Any,
) -> ParityReport:
    """Returns how far a file's model is from a reference with the file's own tensors.

    The reference's tensors do not pass through our converter, save where the source is
    a folder of ours. The images are random, normal with deviation 1.

    Args:
      source: weights file, or a folder of ours.
      reference: `timm:NAME` or `FILE.py:FUNCTION`; see build_reference.
      preset: of the file; None for the one of timm's name, if there is one.
      overrides: fields of ViTConfig that differ from the preset's.

    Raises:
      InputError: the file, the reference or a field cannot be used.
    """
    name = reference.removeprefix("timm:")
    is_folder = source.is_dir()
    if not preset and not is_folder and name in PRESETS:
        preset = name
    release = read_release(source, preset=preset, **overrides)
    module = build_reference(reference, release.config)
    load_tensors(module, export(release) if is_folder else read_tensors(source))
    shape = (num_images, *release.config.image_shape)
    images = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return parity(
        to_model(release), module, images, tolerance=tolerance, layout=release.layout
    )
