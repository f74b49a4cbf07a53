"""Steps that are not finite: noticed, told, and where a run goes back for them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np


class DivergedError(RuntimeError):
    """The loss or the gradients are not finite, and going back did not help.

    Args:
      told: what was seen, in words.
    """

    def __init__(self, told: str) -> None:
        super().__init__(
            f"training diverged: {told} Lower optim.learning_rate, lengthen"
            " optim.warmup_steps, or set optim.clip_norm."
        )

    @classmethod
    def after(
        cls, rewinds: int, steps: Sequence[tuple[int, int]], workdir: Path
    ) -> "DivergedError":
        """Returns what ends a run that has gone back as often as it may.

        Args:
          steps: step and batch of each that was not finite.
        """
        return cls(
            f"{len(steps)} steps in a row from step {steps[0][0]} on had a loss or"
            f" gradients that are not finite, after going back {rewinds} times. Nothing"
            f" of them is saved. `vit-jax replay {workdir}` takes the first of them"
            " again and says what is not finite."
        )


@dataclasses.dataclass(frozen=True)
class Taken:
    """A step that was taken."""

    step: int
    """The first is 1."""
    batch: int
    """Number of its batch; the first is 0."""
    metrics: dict[str, Any]
    """The step's, on the device or on the host."""


@dataclasses.dataclass
class Streak:
    """The last steps in a row that were not finite.

    Args:
      longest: this many of them end it: there the run goes back.
    """

    longest: int
    steps: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    """Step and batch of each."""

    def see(self, taken: Sequence[Taken]) -> list[tuple[int, int]]:
        """Returns the steps of those taken where a streak begins.

        It stops looking where `is_over`: later steps will be taken again.
        """
        begun: list[tuple[int, int]] = []
        for each in taken:
            if self.is_over:
                break
            place = (each.step, each.batch)
            if not each.metrics["bad"]:
                self.steps.clear()
                continue
            if not self.steps:
                begun.append(place)
            self.steps.append(place)
        return begun

    @property
    def is_over(self) -> bool:
        """Whether the run has to go back."""
        return len(self.steps) >= self.longest


def fetch(taken: Sequence[Taken]) -> list[Taken]:
    """Returns the same with metrics on the host, fetched at once."""
    found = jax.device_get([each.metrics for each in taken])
    return [
        dataclasses.replace(each, metrics=metrics)
        for each, metrics in zip(taken, found, strict=True)
    ]


def find_means(taken: Sequence[Taken]) -> dict[str, float]:
    """Returns the means over the steps that were finite, by `train/NAME`.

    `train/bad_steps` counts the others; where all are, the loss is as it was.
    """
    good = [each for each in taken if not each.metrics["bad"]] or taken
    names = [name for name in taken[0].metrics if name not in ("bad", "stop")]
    means: dict[str, Any] = {
        f"train/{name}": float(np.mean([each.metrics[name] for each in good]))
        for name in names
    }
    bad = sum(int(each.metrics["bad"]) for each in taken)
    return {**means, "train/bad_steps": float(bad)} if bad else means
