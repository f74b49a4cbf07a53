"""Finding out what a file is: its layout, and the model that it holds."""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from vit_jax.errors import InputError
from vit_jax.presets import PRESETS, Preset
from vit_jax.weights.faults import ConversionError, Fault
from vit_jax.weights.layout import Layout
from vit_jax.weights.layouts import LAYOUTS, find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.recognise.infer import Inference, UndecidedError, evaluate, infer
from vit_jax.weights.recognise.peel import Tensors, spellings

TRIED = 6
"""Layouts whose names fit best are tried in turn."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detection:
    """A file's layout and model."""

    tensors: Tensors
    """Under the layout's names."""
    prefix: str
    """What was taken from the names."""
    inference: Inference
    faults: tuple[Fault, ...]
    """What keeps the tensors from fitting the model; empty for a file that is known."""


def detect(
    tensors: Tensors,
    given: Mapping[str, Any] | None = None,
    *,
    layout: str | None = None,
) -> Detection:
    """Returns the layout and model that tensors fit best.

    Args:
      given: fields of ViTConfig that are known otherwise.
      layout: whose names they have; None to find out.

    Raises:
      UndecidedError: a field must be given; the message names it.
      InputError: they are in no layout that is known.
    """
    asked = find_layout(layout) if layout else None
    reasons: list[InputError] = []
    best: Detection | None = None
    for prefix, named in spellings(tensors):
        for candidate in [asked] if asked else rank_layouts(named):
            try:
                found = _fit(candidate, prefix, named, given)
            except InputError as error:
                reasons.append(error)
                continue
            if not found.faults:
                return found
            if best is None or len(found.faults) < len(best.faults):
                best = found
    undecided = [error for error in reasons if isinstance(error, UndecidedError)]
    if undecided:
        raise undecided[0]
    if best:
        return best
    if reasons:
        raise reasons[0]
    keys = ", ".join(sorted(tensors)[:3])
    raise InputError(
        "the weights are in no layout that is known here. Their keys are"
        f" {keys}, ...; `vit-jax layouts` lists whose files are read."
    )


def match(
    tensors: Tensors,
    preset: Preset,
    given: Mapping[str, Any] | None = None,
    *,
    layout: str | None = None,
) -> Detection:
    """Returns the layout in which tensors fit a published model best.

    Args:
      given: fields of ViTConfig that differ from the preset's.
      layout: whose names they have; None to find out.
    """
    asked = find_layout(layout) if layout else None
    own = find_layout(preset.layout)
    best: Detection | None = None
    for prefix, named in spellings(tensors):
        for candidate in [asked] if asked else [own, *rank_layouts(named)]:
            fields = dataclasses.asdict(preset.config)
            changes = {} if candidate is own else evaluate(candidate.fixed, fields)
            inference = Inference(
                layout=candidate,
                config=preset.config.replace(**{**changes, **(given or {})}),
                told={},
                guessed={},
                reason=f"as {preset.name} has it",
                presets=(preset.name,),
            )
            shapes = {key: tensor.shape for key, tensor in named.items()}
            found = Detection(
                tensors=named,
                prefix=prefix,
                inference=inference,
                faults=tuple(_faults(candidate, inference, shapes)),
            )
            if best is None or len(found.faults) < len(best.faults):
                best = found
            if not best.faults:
                return best
    assert best
    return best


def _fit(
    layout: Layout, prefix: str, tensors: Tensors, given: Mapping[str, Any] | None
) -> Detection:
    shapes = {key: tensor.shape for key, tensor in tensors.items()}
    try:
        inference = infer(layout, tensors, given)
    except InputError:
        inference = _published(layout, shapes, given)
        if inference is None:
            raise
    faults = _faults(layout, inference, shapes)
    if faults and (published := _published(layout, shapes, given)):
        inference, faults = published, ()
    return Detection(
        tensors=tensors, prefix=prefix, inference=inference, faults=tuple(faults)
    )


def _faults(
    layout: Layout, inference: Inference, shapes: Mapping[str, tuple[int, ...]]
) -> list[Fault]:
    try:
        return make_plan(layout, inference.config).find_faults(shapes)
    except ConversionError as error:
        return list(error.faults)


def _published(
    layout: Layout,
    shapes: Mapping[str, tuple[int, ...]],
    given: Mapping[str, Any] | None,
) -> Inference | None:
    """Returns the published model of a layout that shapes fit, if one does.

    For models whose shapes alone do not tell how they are wired.
    """
    classes = shapes.get("head.weight", (0,))[0]
    widths = {size for shape in shapes.values() for size in shape}
    for preset in PRESETS.values():
        if preset.layout != layout.name or preset.config.embed_dim not in widths:
            continue
        try:
            config = preset.config.replace(**{"num_classes": classes, **(given or {})})
            plan = make_plan(layout, config)
        except InputError:
            continue
        if not plan.find_faults(shapes):
            return Inference(
                layout=layout,
                config=config,
                told={},
                guessed={},
                reason=f"as {preset.name} has it",
                presets=(preset.name,),
            )
    return None


def rank_layouts(tensors: Mapping[str, Any]) -> list[Layout]:
    """Returns the layouts whose names fit a file's best, most of all first."""
    keys = {fold_key(key): key for key in tensors}

    def score(layout: Layout) -> tuple[int, int]:
        known = _names(layout)
        rest = [full for key, full in keys.items() if key not in known]
        explained = len(keys) - len(rest)
        return sum(not layout.is_extra(key) for key in rest), -explained

    scores = {layout.name: score(layout) for layout in LAYOUTS.values()}
    fitting = [name for name, (_, explained) in scores.items() if explained < -3]
    return [LAYOUTS[name] for name in sorted(fitting, key=scores.__getitem__)][:TRIED]


def fold_key(key: str) -> str:
    """Returns a key with `#` for the numbers that may be an index."""
    return re.sub(r"(?<=[._])\d+(?=[./])|^\d+(?=[./])", "#", key)


@functools.cache
def _names(layout: Layout) -> frozenset[str]:
    return frozenset(fold_key(rule.theirs.replace("{i}", "0")) for rule in layout.rules)


def unknown_keys(detection: Detection) -> Iterator[str]:
    """Yields the keys of a file that the layout does not explain."""
    known = _names(detection.inference.layout)
    for key in detection.tensors:
        if fold_key(key) not in known and not detection.inference.layout.is_extra(key):
            yield key
