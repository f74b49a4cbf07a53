"""What the parity check found: errors by stage, as a table, JSON or a picture."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.errors import InputError


@dataclasses.dataclass(frozen=True)
class StageError:
    """How far one stage is from the reference's."""

    stage: str
    relative_l2: float
    """|ours - theirs| / |theirs|, Euclidean over all numbers."""
    relative_max: float
    """The largest difference over the largest number of theirs."""
    largest: float
    """The largest difference."""

    def within(self, tolerance: float) -> bool:
        """Whether both relative errors are at most the tolerance; NaN never is."""
        return self.relative_l2 <= tolerance and self.relative_max <= tolerance


@dataclasses.dataclass(frozen=True)
class ParityReport:
    """The errors of all stages, in the order of the computation."""

    stages: tuple[StageError, ...]
    tolerance: float
    cause: str | None = None
    """What makes the two differ, where it was looked for and found."""

    @property
    def first_difference(self) -> str | None:
        """The first stage beyond the tolerance, or None."""
        beyond = (s.stage for s in self.stages if not s.within(self.tolerance))
        return next(beyond, None)

    @property
    def ok(self) -> bool:
        """Whether every stage is within the tolerance."""
        return self.first_difference is None

    def __str__(self) -> str:
        lines = [f"{'stage':<12} {'rel. L2':>9} {'rel. max':>9} {'max':>9}"]
        for s in self.stages:
            mark = "" if s.within(self.tolerance) else "  <- differs"
            lines.append(
                f"{s.stage:<12} {s.relative_l2:>9.1e} {s.relative_max:>9.1e}"
                f" {s.largest:>9.1e}{mark}"
            )
        verdict = f"first difference: {self.first_difference}"
        verdict = "equal" if self.ok else verdict
        lines.append(f"{verdict} (tolerance {self.tolerance:g})")
        if self.cause:
            lines.append(f"likely cause: {self.cause}")
        return "\n".join(lines)

    def to_fields(self) -> dict[str, Any]:
        """Returns the report as plain values for JSON; an error that is NaN as None."""

        def finite(value: Any) -> Any:
            return (
                None if isinstance(value, float) and not np.isfinite(value) else value
            )

        return {
            "ok": self.ok,
            "tolerance": self.tolerance,
            "first_difference": self.first_difference,
            "cause": self.cause,
            "stages": [
                {name: finite(value) for name, value in dataclasses.asdict(s).items()}
                for s in self.stages
            ],
        }

    def draw(self, path: Path, *, title: str) -> None:
        """Writes a picture of the errors by stage, the tolerance a dashed line."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(max(6.0, 0.35 * len(self.stages)), 3.6))
        axes = figure.add_subplot()
        names = [s.stage for s in self.stages]
        # An error of 0 has no place on this axis: it is drawn at half the last bit.
        floor = float(np.finfo(np.float32).eps) / 2
        for label, values in (
            ("relative L2", [s.relative_l2 for s in self.stages]),
            ("relative maximum", [s.relative_max for s in self.stages]),
        ):
            axes.plot(names, np.maximum(values, floor), marker="o", ms=4, label=label)
        axes.axhline(self.tolerance, ls="--", color="black", lw=1, label="tolerance")
        axes.set(yscale="log", ylabel="error")
        axes.set_title(title, fontsize="medium")
        axes.tick_params("x", rotation=90)
        axes.legend()
        figure.savefig(path, dpi=120, bbox_inches="tight")


def measure(stage: str, ours: NDArray[Any], theirs: NDArray[Any]) -> StageError:
    """Returns how far ours is from theirs.

    Raises:
      InputError: they have other shapes.
    """
    if ours.shape != theirs.shape:
        raise InputError(
            f"stage {stage} is {ours.shape} in ours and {theirs.shape} in the"
            " reference: the two are not the same architecture."
        )
    x, y = ours.astype(np.float64), theirs.astype(np.float64)
    difference = np.abs(x - y)
    scale, largest = np.linalg.norm(y), np.abs(y).max()
    return StageError(
        stage,
        float(np.linalg.norm(difference) / scale) if scale else float(difference.any()),
        float(difference.max() / largest) if largest else float(difference.any()),
        float(difference.max()),
    )
