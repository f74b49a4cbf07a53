"""The flight record: what a step was made of that was not finite."""

import dataclasses
import json
from pathlib import Path

from vit_jax.data.batches import name_image
from vit_jax.data.order import Plan
from vit_jax.data.sources import ImageSource
from vit_jax.errors import InputError
from vit_jax.records import from_fields, to_fields

FOLDER = "flight"
MOST = 100


@dataclasses.dataclass(frozen=True)
class FlightRecord:
    """A step that `vit-jax replay` takes again."""

    step: int
    batch: int
    """Number of its batch."""
    seed: int
    loss: str
    """As printed: JSON knows no nan."""
    grad_norm: str
    passed: tuple[int, ...]
    """Batches that the run had passed over until then."""
    indices: tuple[int, ...]
    """Of its images in the source."""
    names: tuple[str, ...]
    """Of the first ten."""


def write_record(
    workdir: Path,
    *,
    step: int,
    batch: int,
    loss: float,
    grad_norm: float,
    passed: tuple[int, ...],
    plan: Plan,
    source: ImageSource,
) -> Path | None:
    """Writes the record of a step; None where there are a hundred already."""
    folder = workdir / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{step}.json"
    if len(list(folder.glob("*.json"))) >= MOST and not path.exists():
        return None
    indices = tuple(plan(batch).indices.tolist())
    record = FlightRecord(
        step=step,
        batch=batch,
        seed=plan.seed,
        loss=f"{loss:g}",
        grad_norm=f"{grad_norm:g}",
        passed=passed,
        indices=indices,
        names=tuple(name_image(source, index) for index in indices[:10]),
    )
    part = path.with_suffix(".part")
    part.write_text(json.dumps(to_fields(record), indent=1) + "\n")
    part.replace(path)
    return path


def read_record(workdir: Path, step: int | None) -> FlightRecord:
    """Returns the record of a step; of the newest where none is named.

    Raises:
      InputError: there is none.
    """
    paths = {int(p.stem): p for p in (workdir / FOLDER).glob("[0-9]*.json")}
    if not paths:
        raise InputError(
            f"{workdir} has no flight record: none of its steps was not finite."
            " --step N takes any other step again."
        )
    if step is None:
        step = max(paths, key=lambda each: paths[each].stat().st_mtime_ns)
    if step not in paths:
        told = ", ".join(map(str, sorted(paths)))
        raise InputError(f"{workdir} has no flight record of step {step}; of {told}.")
    return from_fields(FlightRecord, json.loads(paths[step].read_text()))
