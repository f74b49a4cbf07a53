"""What the comparison of two trainings found, as lines, JSON or a picture."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

EARLY_STEPS = 20
LATE = 100
"""The tolerance of later losses is so many times as large: steps amplify rounding."""
ROUNDINGS = 10
"""What torch's float32 is from its float64, ours may be so many times from torch's."""
SHOWN = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclasses.dataclass(frozen=True)
class Distance:
    """How far ours is from torch's in float32, as a relative L2 error."""

    name: str
    """Of the parameter."""
    error: float
    rounding: float
    """Torch's float32 from torch's float64."""

    def within(self, tolerance: float) -> bool:
        """Whether the error is no more than the tolerance, or than rounding allows."""
        return self.error <= max(tolerance, ROUNDINGS * self.rounding)

    def by_rounding(self, tolerance: float) -> bool:
        """Whether the error is more than the tolerance, and no more than rounding's."""
        return self.error > tolerance and self.within(tolerance)


@dataclasses.dataclass(frozen=True)
class StepLoss(Distance):
    """The losses of a step; `rounding` is the largest up to it."""

    step: int
    ours: float
    torch: float
    torch_float64: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingReport:
    """Two trainings, compared."""

    title: str
    """Steps, optimizer, batches, learning rate."""
    tolerance: float
    """Of gradients, first update and the losses of the first 20 steps."""
    losses: tuple[StepLoss, ...]
    gradients: tuple[Distance, ...]
    """Of step 1, by parameter."""
    all_gradients: Distance
    update: tuple[Distance, ...]
    """Of step 1, by parameter; of the numbers whose gradient is more than rounding."""
    all_updates: Distance
    update_share: float
    """Which share of all numbers that is."""
    params: Distance
    """After the last step, in parts of the way that torch's went; without those whose
    gradients are rounding."""

    @property
    def first_difference(self) -> str | None:
        """What differs first, in the order of the computation, or None."""
        return next(self._find_differences(), None)

    @property
    def ok(self) -> bool:
        """Whether nothing differs beyond the tolerance and rounding."""
        return self.first_difference is None

    def tolerance_at(self, step: int) -> float:
        """Returns the tolerance of a step's loss; the first is 1."""
        return self.tolerance * (1 if step <= EARLY_STEPS else LATE)

    def _find_differences(self) -> Iterator[str]:
        first, *later = self.losses
        if not first.within(self.tolerance):
            yield f"loss of step 1: {first.error:.1e}"
        for what, distances in (
            ("gradient", self.gradients),
            ("first update", self.update),
        ):
            for found in distances:
                if not found.within(self.tolerance):
                    yield f"{what} of {found.name}: {found.error:.1e}"
        for found in later:
            if not found.within(self.tolerance_at(found.step)):
                yield f"loss of step {found.step}: {found.error:.1e}"

    def __str__(self) -> str:
        last = len(self.losses)
        line = "{:>5} {:>12} {:>12} {:>9} {:>9}"
        lines = [
            self.title,
            line.format("step", "loss", "torch's", "apart", "rounding"),
        ]
        for x in self.losses:
            wrong = not x.within(self.tolerance_at(x.step))
            if x.step in (*SHOWN, last) or wrong:
                numbers = (f"{x.ours:.7f}", f"{x.torch:.7f}", f"{x.error:.1e}")
                mark = "  <- differs" if wrong else ""
                lines.append(line.format(x.step, *numbers, f"{x.rounding:.1e}") + mark)
        lines += self._tell_rest(last)
        rounded = any(x.by_rounding(self.tolerance_at(x.step)) for x in self.losses)
        verdict = "equal, as far as rounding allows" if rounded else "equal"
        if not self.ok:
            verdict = f"first difference: {self.first_difference}"
        late = f", {LATE * self.tolerance:g} from step {EARLY_STEPS + 1}"
        told = f"{self.tolerance:g}{late if last > EARLY_STEPS else ''}"
        return "\n".join([*lines, f"{verdict} (tolerance {told})"])

    def _tell_rest(self, last: int) -> Iterator[str]:
        line = "{:<26} {:>9} {:>9}  {}"
        share = f"of {100 * self.update_share:.1f} % of the numbers; "
        params = f"parameters after step {last}"
        yield line.format("", "apart", "rounding", "")
        for first, end in ((1, EARLY_STEPS), (EARLY_STEPS + 1, last)):
            part = self.losses[first - 1 : end]
            if part:
                error, rounding = (
                    max(getattr(x, kind) for x in part)
                    for kind in ("error", "rounding")
                )
                what = f"losses of steps {first} to {part[-1].step}"
                yield _line(line, what, Distance("", error, rounding), "the largest")
        for what, all_, each, told in (
            ("gradients of step 1", self.all_gradients, self.gradients, ""),
            ("update of step 1", self.all_updates, self.update, share),
        ):
            clear = [x for x in each if not x.by_rounding(self.tolerance)]
            worst = max(clear, key=lambda x: x.error, default=None)
            if worst:
                told += f"worst {worst.error:.1e}, {worst.name}"
            yield _line(line, what, all_, told)
        yield _line(line, params, self.params, "of the way they went")
        rounded = [x.name for x in self.gradients if x.by_rounding(self.tolerance)]
        if rounded:
            yield f"gradients apart by rounding alone: {_fold(rounded)}"

    def to_fields(self) -> dict[str, Any]:
        """Returns the report as plain values for JSON; what is not finite as None."""
        verdict = {"ok": self.ok, "first_difference": self.first_difference}
        return {**verdict, **_finite(dataclasses.asdict(self))}

    def draw(self, path: Path, *, title: str) -> None:
        """Writes a picture of the losses' distance by step, and of torch's rounding."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 3.6))
        axes = figure.add_subplot()
        steps = [x.step for x in self.losses]
        # A distance of 0 has no place on this axis: it is drawn at half the last bit.
        floor = float(np.finfo(np.float32).eps) / 2
        for label, values in (
            ("ours from torch", [x.error for x in self.losses]),
            (
                "torch from torch in float64, the largest so far",
                [x.rounding for x in self.losses],
            ),
        ):
            axes.plot(steps, np.maximum(values, floor), lw=1.2, label=label)
        limits = [self.tolerance_at(step) for step in steps]
        axes.step(steps, limits, "k--", lw=1, where="mid", label="tolerance")
        axes.set(yscale="log", xlabel="step", ylabel="relative distance of the loss")
        axes.set_title(f"{title}\n{self.title}", fontsize="small")
        axes.legend(fontsize="small")
        figure.savefig(path, dpi=120, bbox_inches="tight")


def _line(line: str, what: str, found: Distance, told: str) -> str:
    return line.format(what, f"{found.error:.1e}", f"{found.rounding:.1e}", told)


def _fold(names: Sequence[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
