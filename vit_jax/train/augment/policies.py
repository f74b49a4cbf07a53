"""Policies: which operations, how often and how strong, in timm's names and words.

Source: timm 1.0.31, timm/data/auto_augment.py. What an operation's name and magnitude
do is in `magnitudes`.
"""

import dataclasses
import math
import re
from typing import Any

from vit_jax.errors import InputError, near
from vit_jax.train.augment.auto_policies import AUTO_POLICIES, Table

RAND_TRANSFORMS = (
    "AutoContrast", "Equalize", "Invert", "Rotate", "Posterize", "Solarize",
    "SolarizeAdd", "Color", "Contrast", "Brightness", "Sharpness", "ShearX", "ShearY",
    "TranslateXRel", "TranslateYRel",
)  # fmt: skip
RAND_INCREASING = tuple(
    f"{name}Increasing"
    if name in ("Posterize", "Solarize", "Color", "Contrast", "Brightness", "Sharpness")
    else name
    for name in RAND_TRANSFORMS
)
RAND_3A = ("SolarizeIncreasing", "Desaturate", "GaussianBlur")
RAND_WEIGHTS = {
    "Rotate": 3, "ShearX": 2, "ShearY": 2, "TranslateXRel": 1, "TranslateYRel": 1,
    "ColorIncreasing": 0.25, "SharpnessIncreasing": 0.25, "AutoContrast": 0.25,
    "SolarizeIncreasing": 0.05, "SolarizeAdd": 0.05, "ContrastIncreasing": 0.05,
    "BrightnessIncreasing": 0.05, "Equalize": 0.05, "PosterizeIncreasing": 0.05,
    "Invert": 0.05,
}  # fmt: skip
RAND_WEIGHTED_3A = {
    "SolarizeIncreasing": 6, "Desaturate": 6, "GaussianBlur": 6, "Rotate": 3,
    "ShearX": 2, "ShearY": 2, "PosterizeIncreasing": 1, "AutoContrast": 1,
    "ColorIncreasing": 1, "SharpnessIncreasing": 1, "ContrastIncreasing": 1,
    "BrightnessIncreasing": 1, "Equalize": 1, "Invert": 1,
}  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandAugment:
    """A RandAugment policy, read from timm's words."""

    names: tuple[str, ...]
    """The operations to choose from."""
    weights: tuple[float, ...] | None = None
    """How often each is drawn, then without repeats; None for alike, with repeats."""
    magnitude: float = 10.0
    num_layers: int = 2
    """Operations an image."""
    prob: float = 0.5
    """Of each operation, once chosen."""
    magnitude_std: float = 0.0
    """Of the noise on the magnitude; above 100 draws it between 0 and `magnitude`."""
    magnitude_max: float = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoAugment:
    """An AutoAugment policy: one sub-policy is drawn, its operations in order."""

    sub_policies: Table
    """Each operation's name, probability and magnitude."""
    magnitude_std: float = 0.0


def parse_rand_augment(text: str) -> RandAugment:
    """Returns the policy of timm's words, such as rand-m9-mstd0.5-inc1.

    Raises:
      InputError: an unknown word, or a number out of its range.
    """
    kind, *sections = text.split("-")
    if kind != "rand":
        raise InputError(f"rand_augment={text!r} does not begin with 'rand-'.")
    words = _read_words("rand_augment", text, sections, RAND_WORDS)
    name, increasing = words.pop("t", None), words.pop("inc", 0)
    sets: dict[str | None, Any] = {
        None: RAND_INCREASING if increasing else RAND_TRANSFORMS,
        "3a": RAND_3A,
        "3aw": RAND_WEIGHTED_3A,
        "weights": RAND_WEIGHTS,
    }
    if name not in sets:
        raise InputError(
            f"rand_augment={text!r}: the set t{name} is none of t3a, t3aw, tweights."
        )
    chosen = sets[name]
    fields = {RAND_WORDS[word]: value for word, value in words.items()}
    # timm's own: a deviation above 100 means any magnitude up to m.
    if fields.get("magnitude_std", 0) > 100:
        fields["magnitude_std"] = math.inf
    weights = tuple(map(float, chosen.values())) if isinstance(chosen, dict) else None
    policy = RandAugment(names=tuple(chosen), weights=weights, **fields)
    if not (policy.num_layers >= 1 and 0 <= policy.prob <= 1 and increasing in (0, 1)):
        raise InputError(
            f"rand_augment={text!r}: n is at least 1, p from 0 to 1, inc 0 or 1."
        )
    if weights and policy.num_layers > len(weights):
        raise InputError(
            f"rand_augment={text!r}: n={policy.num_layers} of the {len(weights)}"
            f" operations of t{name} cannot be drawn without repeats."
        )
    return policy


RAND_WORDS = {
    "m": "magnitude",
    "n": "num_layers",
    "p": "prob",
    "mstd": "magnitude_std",
    "mmax": "magnitude_max",
    "inc": "increasing",
    "t": "names",
}
# timm takes no decimals for these, and counts by these.
WHOLE, COUNTS = {"m", "n", "mmax", "inc"}, {"n", "inc"}


def parse_auto_augment(text: str) -> AutoAugment:
    """Returns the policy of timm's words, such as original-mstd0.5.

    Raises:
      InputError: an unknown policy or word, or a number out of its range.
    """
    name, *sections = text.split("-")
    if name not in AUTO_POLICIES:
        raise InputError(
            f"auto_augment={text!r}: {name!r} is none of {', '.join(AUTO_POLICIES)}."
            f"{near(name, AUTO_POLICIES)}"
        )
    words = _read_words("auto_augment", text, sections, {"mstd": "magnitude_std"})
    std = words.get("mstd", 0.0)
    return AutoAugment(sub_policies=AUTO_POLICIES[name], magnitude_std=std)


def _read_words(
    field: str, text: str, sections: list[str], known: dict[str, str]
) -> dict[str, Any]:
    """Returns the value of each word; every section must be one word and its value."""
    words: dict[str, Any] = {}
    for section in sections:
        match = re.fullmatch(r"(t)(\w+)|([a-z]+)(\d+(?:\.\d+)?)", section)
        word, value = [g for g in match.groups() if g] if match else (section, "")
        if word not in known or word in words or (word in WHOLE and "." in value):
            told = ", ".join(f"{word} ({what})" for word, what in known.items())
            raise InputError(
                f"{field}={text!r}: {section!r} is not one of the words {told}, each"
                " once and with its number behind it."
            )
        if word == "t":
            words[word] = value
        else:
            words[word] = int(value) if word in COUNTS else float(value)
    return words
