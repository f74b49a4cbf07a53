"""The guides name what is there."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

import vit_jax
from vit_jax.architecture import Architecture
from vit_jax.weights.convert import load
from vit_jax.weights.layouts import LAYOUTS
from vit_jax.weights.resample import RESAMPLINGS

GUIDE = (Path(__file__).parents[1] / "docs/coming_from.md").read_text()
OURS = [line.split("|")[-2] for line in GUIDE.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"--layout (\w+)", GUIDE))))
def test_every_layout_of_the_guide_is_known(name):
    assert name in LAYOUTS


@pytest.mark.parametrize("name", sorted(set(re.findall(r'resample="(\w+)"', GUIDE))))
def test_every_resampling_of_the_guide_is_known(name):
    assert name in RESAMPLINGS


def test_every_argument_of_our_lines_is_an_argument_or_a_field():
    text = " ".join(OURS)
    named = set(re.findall(r"\b([a-z_]+)=", text)) - {"rngs", "strict"}
    fields = {field.name for field in dataclasses.fields(Architecture)}
    arguments = fields | set(inspect.signature(load).parameters)
    assert len(named) > 10
    assert named <= arguments


def test_every_public_name_of_the_guide_is_public():
    for name in set(re.findall(r"vit_jax\.(\w+)\(", GUIDE)):
        assert hasattr(vit_jax, name), name
