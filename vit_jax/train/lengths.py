"""How long a run, its warm-up and its cool-down are: steps, epochs or examples."""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from vit_jax.errors import InputError
from vit_jax.train.optim_config import OptimConfig
from vit_jax.train.run_config import RunConfig

UNITS = ("steps", "epochs", "examples")
# The part of a config that says a length, and how its fields begin.
LENGTHS = (("run", ""), ("optim", "warmup_"), ("optim", "cooldown_"))


class Timed(NamedTuple):
    """The parts of a config that say lengths."""

    run: RunConfig
    optim: OptimConfig


class Said(NamedTuple):
    """A length, as one field says it."""

    part: str
    prefix: str
    unit: str
    value: float

    def __str__(self) -> str:
        return f"{self.part}.{self.prefix}{self.unit}={self.value}"


def each_said(timed: Timed) -> Iterator[Said]:
    """Yields what is said of any length; 0 says nothing."""
    for part, prefix in LENGTHS:
        for unit in UNITS:
            value = getattr(getattr(timed, part), f"{prefix}{unit}")
            if value:
                yield Said(part, prefix, unit, value)


def find_length_faults(timed: Timed) -> Iterator[str]:
    """Yields a sentence for each length that is no length, or said twice."""
    said = list(each_said(timed))
    wrong = [each for each in said if not 0 < each.value < math.inf]
    yield from (f"{each}; a length is positive and finite." for each in wrong)
    for length in LENGTHS:
        told = [str(each) for each in said if (each.part, each.prefix) == length]
        if len(told) > 1:
            yield f"{' and '.join(told)} say one length: set the others to 0."


def are_steps(timed: Timed) -> bool:
    """Returns whether the run has a length, and every length is steps."""
    return bool(timed.run.steps) and {each.unit for each in each_said(timed)} == {
        "steps"
    }


def drop_flagged(timed: Timed, arguments: Iterable[str]) -> Timed:
    """Returns a recipe's parts without the lengths that flags say, in whatever unit.

    So `--run.epochs 10` needs no `--run.steps 0` beside it.
    """
    flags = {a.partition("=")[0].lstrip("-").replace("-", "_") for a in arguments}
    for part, prefix in LENGTHS:
        names = [f"{prefix}{unit}" for unit in UNITS]
        if flags.intersection(f"{part}.{name}" for name in names):
            timed = _replace(timed, part, dict.fromkeys(names, 0))
    return timed


def to_steps(timed: Timed, *, batch_size: int, num_images: int) -> Timed:
    """Returns the lengths as steps, whole ones that fit into what is said.

    Args:
      num_images: in an epoch.

    Raises:
      InputError: the run has no length, or one is shorter than a step.
    """
    if not (timed.run.steps or timed.run.epochs or timed.run.examples):
        raise InputError(
            "the run has no length: give --run.steps, --run.epochs or --run.examples."
        )
    for each in each_said(timed):
        images = {"steps": batch_size, "epochs": num_images, "examples": 1}[each.unit]
        steps = round(each.value * images) // batch_size
        if steps < 1:
            of = f" of {num_images:,} images" if each.unit == "epochs" else ""
            raise InputError(
                f"{each}{of} is less than a step of data.batch_size={batch_size}."
            )
        name = f"{each.prefix}{each.unit}"
        timed = _replace(timed, each.part, {name: 0, f"{each.prefix}steps": steps})
    return timed


def _replace(timed: Timed, part: str, values: dict[str, Any]) -> Timed:
    changed = dataclasses.replace(getattr(timed, part), **values)
    return timed._replace(**{part: changed})
