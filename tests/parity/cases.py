"""All files of all families that are checked, in the order of the README's table."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tests.parity import huggingface, layouts
from tests.parity.layouts import GOOGLE, LUCIDRAINS, META, OPENAI, Case
from tests.parity.libraries import LIBRARIES

CASES: tuple[Case, ...] = (*META, *OPENAI, *LIBRARIES, *LUCIDRAINS, *GOOGLE)
TITLES = {
    "dino": "DINO",
    "mae": "MAE",
    "dinov2": "DINOv2",
    "dinov3": "DINOv3",
    "openai_clip": "OpenAI CLIP",
    "lucidrains": "vit-pytorch, 14 eras",
    "simple_vit": "SimpleViT, 3 eras",
    "vision_transformer": "Google vision_transformer",
    "big_vision": "Google big_vision",
}


class Entry(NamedTuple):
    """A file of a family."""

    family: str
    name: str
    layouts: tuple[str, ...]


class Finding(NamedTuple):
    """What a check of a file gave; no faults where all is well."""

    worst: float
    faults: tuple[str, ...]


def entries() -> Iterator[Entry]:
    """Yields every file that is checked."""
    for variant in huggingface.VARIANTS:
        family = f"Hugging Face {variant.family}"
        yield Entry(family, variant.name, tuple(variant.layouts))
    for case in CASES:
        yield Entry(TITLES.get(case.family, case.family), case.name, (case.layout,))


def check(name: str) -> Finding:
    """Returns what is found of a file by its name."""
    for case in CASES:
        if case.name == name:
            result = layouts.check(case)
            return Finding(result.worst, result.faults)
    (variant,) = (v for v in huggingface.VARIANTS if v.name == name)
    try:
        return Finding(huggingface.check(variant), ())
    except AssertionError as error:
        return Finding(np.inf, (str(error),))
