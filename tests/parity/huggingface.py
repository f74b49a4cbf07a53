"""What is checked of a model of Hugging Face: names, config, numbers, way back."""

import dataclasses
import functools
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.numpy import load_file

from tests.models import random_images
from tests.parity.huggingface_towers import TOWERS
from tests.parity.huggingface_variants import Variant
from tests.parity.huggingface_vits import VITS
from tests.parity.references import tensors_of
from vit_jax.model.params import bind
from vit_jax.weights.files import write_tensors
from vit_jax.weights.folders.read import read_side_files
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.parity import parity
from vit_jax.weights.recognise.detect import detect

Tensors = dict[str, np.ndarray]

VARIANTS = (*VITS, *TOWERS)

# Rounding of two blocks is below 1e-6.
TOLERANCE = 1e-5


def check(variant: Variant) -> float:
    """Returns the worst error of a stage, after all else was found to be right."""
    check_names(variant)
    check_guesses(variant)
    check_way_back(variant)
    return check_numbers(variant)


def check_names(variant: Variant) -> None:
    """Raises where layout and config are not found out from the files."""
    fields = _saved(variant).fields
    for spelling in _spellings(variant):
        found = detect(spelling.tensors, fields)
        assert found.inference.layout.name == spelling.layout
        assert not found.faults
        assert found.inference.config == variant.config


def check_guesses(variant: Variant) -> None:
    """Raises where a file without its config is taken for sure to be another model."""
    config = variant.config
    given: dict[str, Any] = {"num_heads": config.num_heads}
    if config.grid[0] != config.grid[1]:
        given["image_size"] = config.image_size
    # Which value a factor began with, and what no patch saw, change nothing.
    unseen = {"layer_scale", "drop_remainder"}
    for spelling in _spellings(variant):
        found = detect(spelling.tensors, given).inference
        assert found.layout.name == spelling.layout
        fields = [field.name for field in dataclasses.fields(config)]
        wrong = {
            name
            for name in fields
            if getattr(found.config, name) != getattr(config, name)
        }
        assert wrong - unseen <= found.guessed.keys(), wrong


def check_numbers(variant: Variant) -> float:
    """Returns the worst error of a stage; raises where one is beyond the tolerance."""
    reference, config, layout = _build(variant), variant.config, variant.layouts[0]
    params = make_plan(find_layout(layout), config).to_ours(tensors_of(reference))
    images = random_images(config)
    report = parity(
        bind(config, params), reference, images, tolerance=TOLERANCE, layout=layout
    )
    assert report.ok, str(report)
    names = [stage.stage for stage in report.stages]
    assert names[:4] == ["patches", "embed", "blocks.0", "blocks.1"]
    # A class without a head or a pooler gives all tokens behind the norm.
    assert names[-1] in ("norm", "logits")
    return max(max(s.relative_l2, s.relative_max) for s in report.stages)


def check_way_back(variant: Variant) -> None:
    """Raises where tensors do not come back bit for bit, or the class misses some."""
    for spelling in _spellings(variant):
        tensors = spelling.tensors
        plan = make_plan(find_layout(spelling.layout), variant.config)
        back = plan.to_theirs(plan.to_ours(tensors), plan.keep_extras(tensors))
        assert back.keys() == tensors.keys()
        for key in tensors:
            assert back[key].dtype == tensors[key].dtype
            assert back[key].tobytes() == tensors[key].tobytes(), key
        if spelling.in_memory:
            state = {key: torch.from_numpy(np.array(back[key])) for key in back}
            _build(variant).load_state_dict(state, strict=True)
        else:
            _check_file(variant, back)


def _check_file(variant: Variant, tensors: Tensors) -> None:
    """Raises where the class does not find itself in a file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.json").write_text(_saved(variant).config)
        write_tensors(folder / "model.safetensors", tensors)
        module = load_exactly(variant.transformers_class, folder, **variant.arguments)
    expected = tensors_of(_build(variant))
    for key, value in tensors_of(module).items():
        assert np.array_equal(value, expected[key]), key


def load_exactly(kind: Any, folder: Path, **arguments: Any) -> torch.nn.Module:
    """Returns a class's module of a folder; raises if a key is missing or left over."""
    module, told = kind.from_pretrained(folder, output_loading_info=True, **arguments)
    assert not any(told.values()), told
    return module


class _Spelling(NamedTuple):
    layout: str
    tensors: Tensors
    in_memory: bool = False


class _Saved(NamedTuple):
    """What save_pretrained wrote."""

    tensors: Tensors
    config: str
    fields: dict[str, Any]
    """What we read in it."""


def _spellings(variant: Variant) -> Iterator[_Spelling]:
    """Yields a model's tensors under all names that they are found under."""
    in_memory, in_files = variant.layouts
    written = _saved(variant).tensors
    yield _Spelling(in_memory, tensors_of(_build(variant)), in_memory=True)
    yield _Spelling(in_files, written)
    if variant.old:
        layout, part, new = variant.old
        pattern = re.compile(f"(?<![a-z]){re.escape(part)}" if part else "^")
        old = {pattern.sub(new, key, count=1): written[key] for key in written}
        yield _Spelling(layout, old)


@functools.cache
def _saved(variant: Variant) -> _Saved:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _build(variant).save_pretrained(folder)
        side = read_side_files(folder)
        text = (folder / "config.json").read_text()
        return _Saved(load_file(folder / "model.safetensors"), text, side.fields)


@functools.cache
def _build(variant: Variant) -> Any:
    return variant.build()
