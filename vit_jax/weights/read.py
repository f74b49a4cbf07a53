"""Weights of any supported file or folder, and what is known of their model."""

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vit_jax.config import check_names
from vit_jax.errors import InputError, InputWarning
from vit_jax.pixels import half
from vit_jax.presets import Preset, find_preset
from vit_jax.release import Release, is_release, load_release
from vit_jax.weights import hub
from vit_jax.weights.adapt import ADAPTED, adapt
from vit_jax.weights.faults import ConversionError
from vit_jax.weights.files import read_tensors
from vit_jax.weights.fold_positions import fold_positions
from vit_jax.weights.folders.read import SideFiles, read_side_files
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.recognise.detect import Detection, detect, match
from vit_jax.weights.recognise.mend import find_mend
from vit_jax.weights.resample import Resampling


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adapting:
    """What may be changed so that weights fit another image, patch or head.

    None of these is done unless it is asked for; see `vit_jax.weights.adapt`.
    """

    resample: Resampling | None = None
    """Whose interpolation takes positions and patches to another size."""
    new_head: bool = False
    """Draw a new head, or leave it out for num_classes=0."""
    keep_classes: Sequence[int] | None = None
    """Indices of the classes that the head keeps, in their order."""
    adapt_channels: bool = False
    """Sum or repeat the patch kernel's channels."""
    fold_positions: bool = False
    """Add the class token's position to the token, as timm does for DINOv2 with
    registers: one rounding, and no way back."""
    seed: int = 0
    """Of a new head."""

    @property
    def asked(self) -> bool:
        """Whether anything is."""
        others = (self.resample, self.new_head, self.adapt_channels)
        return any(others) or self.keep_classes is not None


def read_release(
    path: Path,
    *,
    preset: str | None = None,
    layout: str | None = None,
    entry: str | None = None,
    adapting: Adapting | None = None,
    **overrides: Any,
) -> Release:
    """Returns the parameters of a file or folder, in its dtype, with their card.

    Args:
      path: weights file; folder of ours, of Hugging Face or of timm; hf:ORG/NAME.
      preset: published model that the weights are of.
      layout: whose names the file has; None to find out.
      entry: which of several wrapped dicts of weights, such as model_ema.
      adapting: what may be changed; then image_size, patch_size, in_channels and
        num_classes are those that the model gets, not those that the file has.
      overrides: fields of ViTConfig that nothing tells, or that differ.

    Raises:
      InputError: no such file, a damaged one, an unknown preset, layout or field, or a
        field that must be given.
      ConversionError: the weights are of another model; the error lists every tensor.
    """
    check_names(overrides)
    adapting = adapting or Adapting()
    wanted = {n: v for n, v in overrides.items() if adapting.asked and n in ADAPTED}
    known = {name: v for name, v in overrides.items() if name not in wanted}
    path = hub.fetch(path) if hub.is_id(path) else path
    if path.is_dir() and is_release(path):
        release = _read_own(path, preset, layout, entry, known)
    else:
        release = _read_foreign(path, preset, layout, entry, known)
    if adapting.fold_positions:
        params, config = fold_positions(release.params, release.config)
        release = dataclasses.replace(release, params=params, config=config)
    return _adapt(release, wanted, adapting) if adapting.asked else release


def _read_foreign(
    path: Path,
    preset: str | None,
    layout: str | None,
    entry: str | None,
    known: dict[str, Any],
) -> Release:
    chosen = find_preset(preset) if preset else None
    side = read_side_files(path)
    tensors = read_tensors(side.weights, entry=entry)
    if chosen:
        found = match(tensors, chosen, known, layout=layout)
    else:
        found = detect(tensors, {**side.fields, **known}, layout=layout)
        _tell_guesses(path, found)
    return _convert(path, tensors, found, side, chosen)


def _convert(
    path: Path,
    tensors: dict[str, Any],
    found: Detection,
    side: SideFiles,
    chosen: Preset | None,
) -> Release:
    config, layout = found.inference.config, found.inference.layout
    plan = make_plan(layout, config)
    try:
        params = plan.to_ours(found.tensors)
    except ConversionError as error:
        mend = find_mend(tensors, config)
        what = f"{path} does not fit the {layout.name} layout of this model"
        raise ConversionError(what, error.faults, mend) from None
    published = [find_preset(name) for name in found.inference.presets[:1]]
    pixels = [side.pixels, *(p.pixels for p in (chosen, *published) if p)]
    fitting = [p for p in pixels if p and len(p.mean) == config.in_channels]
    named = len(side.class_names) == config.num_classes
    return Release(
        config=config,
        params=params,
        pixels=fitting[0] if fitting else half(config.in_channels),
        class_names=side.class_names if named else (),
        layout=layout.name,
        extras=plan.keep_extras(found.tensors),
    )


def _adapt(release: Release, wanted: dict[str, Any], adapting: Adapting) -> Release:
    keep = adapting.keep_classes
    if keep is not None:
        wanted = {"num_classes": len(keep), **wanted}
    old = release.config
    new = old.replace(**wanted)
    params = adapt(
        release.params,
        old,
        new,
        resample=adapting.resample,
        new_head=adapting.new_head,
        keep_classes=adapting.keep_classes,
        adapt_channels=adapting.adapt_channels,
        seed=adapting.seed,
    )
    names = release.class_names
    if keep is not None and names:
        names = tuple(names[i] for i in keep)
    fits = len(release.pixels.mean) == new.in_channels
    return dataclasses.replace(
        release,
        config=new,
        params=params,
        class_names=() if adapting.new_head else names,
        pixels=release.pixels if fits else half(new.in_channels),
    )


def _tell_guesses(path: Path, found: Detection) -> None:
    guessed = found.inference.guessed
    if not guessed:
        return
    told = ", ".join(f"{name}={value!r}" for name, value in guessed.items())
    warnings.warn(
        f"{path}: weights do not tell {told}; these are guesses,"
        f" {found.inference.reason}. Name a preset, or give the fields, to be sure.",
        InputWarning,
        stacklevel=5,
    )


def _read_own(
    path: Path,
    preset: str | None,
    layout: str | None,
    entry: str | None,
    known: dict[str, Any],
) -> Release:
    """Returns a release's folder, with overrides that change no parameter's shape."""
    given = {"preset": preset, "layout": layout, "entry": entry}
    vain = [f"{name}={value!r}" for name, value in given.items() if value]
    if vain:
        raise InputError(
            f"{path} is a folder with a config of its own: leave {', '.join(vain)} out."
        )
    release = load_release(path)
    # Raises where what is given would give other shapes than the parameters have.
    return _adapt(release, known, Adapting())
