"""What a step that was taken again gave, in words and in fields."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

from vit_jax.train.flight import FlightRecord

SHOWN = 10
HIGHEST = 5


@dataclasses.dataclass(frozen=True)
class ReplayedImage:
    """An image of the batch."""

    name: str
    index: int
    """In its source."""
    label: int
    class_name: str
    darkest: int
    """Its least pixel before augmentation, of 0 to 255."""
    brightest: int
    loss: float
    """Without dropout, against the mixed and smoothed target."""
    is_finite: bool
    """At the first stage that is not finite for some image."""


@dataclasses.dataclass(frozen=True)
class Replay:
    """One step, taken again."""

    step: int
    batch: int
    """Number of its batch."""
    start: int
    """Step of the checkpoint that was gone on from; 0 for the initial state."""
    other_state: int | None
    """First saved step on the way to it whose state is not the one the run saved."""
    loss: float
    grad_norm: float
    record: FlightRecord | None
    num_params: int
    bad_params: tuple[str, ...]
    """Parameters whose gradients are not finite."""
    bad_stage: str | None
    """First stage of the forward pass, without dropout, that is not finite."""
    images: tuple[ReplayedImage, ...]

    @property
    def reproduced(self) -> bool | None:
        """Whether batch, loss and gradients are the recorded ones; None without any.

        Numbers agree within 1e-4 of their size: other devices round otherwise.
        """
        if self.record is None:
            return None
        pairs = (
            (self.loss, float(self.record.loss)),
            (self.grad_norm, float(self.record.grad_norm)),
        )
        return self.batch == self.record.batch and all(
            math.isclose(now, then, rel_tol=1e-4)
            or (math.isnan(now) and math.isnan(then))
            for now, then in pairs
        )

    @property
    def bad_images(self) -> list[ReplayedImage]:
        """Images that are not finite at the first such stage."""
        return [image for image in self.images if not image.is_finite]

    @property
    def highest(self) -> list[ReplayedImage]:
        """Images of the highest losses among those that are finite."""
        finite = [image for image in self.images if math.isfinite(image.loss)]
        return sorted(finite, key=lambda image: -image.loss)[:HIGHEST]

    def to_fields(self) -> dict[str, Any]:
        """Returns the report as what JSON holds; a number it has not is text: "nan"."""
        fields = dataclasses.asdict(self)
        return {
            **fields,
            "loss": _number(self.loss),
            "grad_norm": _number(self.grad_norm),
            "reproduced": self.reproduced,
            "images": [
                {**image, "loss": _number(image["loss"])} for image in fields["images"]
            ],
        }

    def __str__(self) -> str:
        lines = [*self._numbers(), *self._gradients(), *self._stages()]
        return "\n".join(lines)

    def _numbers(self) -> Iterator[str]:
        source = "the initial state"
        if self.start:
            source = f"the checkpoint of step {self.start}"
        before = self.step - self.start - 1
        yield (
            f"step {self.step} (batch {self.batch}), taken again {before}"
            f" step{'s' * (before != 1)} behind {source}"
        )
        if self.other_state:
            yield (
                f"the state after step {self.other_state} is not the one that the run"
                " saved: it had other devices, versions, images or batches"
            )
        told = f"loss {self.loss:g}, gradients {self.grad_norm:g}"
        if self.record is None:
            yield f"{told}; no flight record to compare with"
        elif self.reproduced:
            yield f"{told}: reproduced"
        else:
            r = self.record
            yield (
                f"{told}: NOT reproduced, recorded are loss {r.loss}, gradients"
                f" {r.grad_norm} (batch {r.batch})"
            )

    def _gradients(self) -> Iterator[str]:
        if not self.bad_params:
            yield f"gradients: all {self.num_params} parameters are finite"
            return
        bad = self.bad_params
        more = ", ..." if len(bad) > 3 else ""
        yield (
            f"gradients: {len(bad)} of {self.num_params} parameters are not finite:"
            f" {', '.join(bad[:3])}{more}"
        )

    def _stages(self) -> Iterator[str]:
        if self.bad_stage is None:
            yield "forward pass: every stage is finite (without dropout)"
        else:
            bad = self.bad_images
            yield (
                f"forward pass: not finite from {self.bad_stage} on, in {len(bad)} of"
                f" {len(self.images)} images"
            )
            yield from _table(bad[:SHOWN])
            if len(bad) > SHOWN:
                yield f"  and {len(bad) - SHOWN} more; --json tells all"
        if self.highest:
            yield f"highest losses of {len(self.images)} images (without dropout):"
            yield from _table(self.highest)


def _table(images: Sequence[ReplayedImage]) -> Iterator[str]:
    """Yields a line for each image."""
    names = max(len(image.name) for image in images)
    classes = max(len(image.class_name) for image in images)
    for image in images:
        pixels = f"{image.darkest} to {image.brightest}"
        yield (
            f"  {image.name:<{names}}  class {image.class_name:<{classes}}"
            f"  pixels {pixels:<10}  loss {image.loss:.4f}"
        )


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else f"{value:g}"
