"""Where two runs part: in their configs, in a logged loss, in a saved state."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.train.config import FREE, TrainConfig, each_field
from vit_jax.train.loop import HASHES
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.step_lines import read_lines
from vit_jax.train.workdir import read_config

GROUPS = ("params", "opt_state", "ema", "step")


@dataclasses.dataclass(frozen=True)
class FieldPair:
    """A field of the config that the runs do not share."""

    name: str
    a: Any
    b: Any
    free: bool
    """Whether it may differ between starts of one run: nothing of it is trained on."""


@dataclasses.dataclass(frozen=True)
class LossPair:
    """The first logged loss that the runs do not share; None where it is not finite."""

    step: int
    a: float | None
    b: float | None


@dataclasses.dataclass(frozen=True)
class StatePair:
    """The first saved state that the runs do not share."""

    step: int
    equal_before: int | None
    """Last saved step before it whose states are equal."""
    first: str
    """First array that differs: of the parameters in the model's order, if one does."""
    counts: dict[str, tuple[int, int]]
    """How many arrays of a group differ, of how many."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """Two runs, compared."""

    fields: tuple[FieldPair, ...]
    loss: LossPair | None
    num_losses: int
    """Logged losses that could be compared; see `diff_losses`."""
    state: StatePair | None
    num_states: int
    last_state: int
    """Last step that both have saved."""

    @property
    def equal(self) -> bool:
        """Whether nothing differs but fields that are free to."""
        differ = any(not field.free for field in self.fields)
        return not (differ or self.loss or self.state)

    def to_fields(self) -> dict[str, Any]:
        """Returns the report as what JSON holds."""
        return {"equal": self.equal, **dataclasses.asdict(self)}

    def __str__(self) -> str:
        lines = [*self._config(), *self._loss(), *self._state()]
        return "\n".join(lines)

    def _config(self) -> Iterator[str]:
        if not self.fields:
            yield "config  equal"
        for field in self.fields:
            free = " (free to differ)" if field.free else ""
            yield f"config  {field.name}: {field.a!r} and {field.b!r}{free}"

    def _loss(self) -> Iterator[str]:
        if self.loss:
            a, b = (
                "not finite" if x is None else f"{x:g}"
                for x in (self.loss.a, self.loss.b)
            )
            yield f"loss    step {self.loss.step} is the first to differ: {a} and {b}"
        elif self.num_losses:
            yield f"loss    equal at {self.num_losses} logged steps"
        else:
            yield "loss    not compared: no loss is logged over the same steps in both"

    def _state(self) -> Iterator[str]:
        if self.state is None:
            saved = f"{self.num_states} saved step{'s' * (self.num_states != 1)}"
            yield f"state   equal, bit for bit, at {saved}, the last {self.last_state}"
            return
        before = "at no saved step before"
        if self.state.equal_before is not None:
            before = f"still at step {self.state.equal_before}"
        yield f"state   step {self.state.step} is the first to differ; equal {before}"
        counts = (f"{g} {n} of {of}" for g, (n, of) in self.state.counts.items())
        yield f"        {', '.join(counts)}"
        yield f"        first: {self.state.first}"


def diff(run_a: Path, run_b: Path) -> Difference:
    """Returns where two runs part.

    Raises:
      InputError: a folder is not a run's, or there is no step that both have saved.
    """
    a, b = read_config(run_a), read_config(run_b)
    lines_a, lines_b = (_by_step(read_lines(run / HASHES)) for run in (run_a, run_b))
    saved = sorted(lines_a.keys() & lines_b.keys())
    if not saved:
        raise InputError(
            f"{run_a} and {run_b} have no saved step in common: {_span(lines_a)} and"
            f" {_span(lines_b)}. Give both runs a run.save_every_steps that meets."
        )
    order = [*param_shapes(a.model), *param_shapes(b.model)]
    loss, num_losses = diff_losses(read_metrics(run_a), read_metrics(run_b))
    return Difference(
        fields=tuple(diff_configs(a, b)),
        loss=loss,
        num_losses=num_losses,
        state=diff_states(lines_a, lines_b, order),
        num_states=len(saved),
        last_state=saved[-1],
    )


def diff_configs(a: TrainConfig, b: TrainConfig) -> Iterator[FieldPair]:
    """Yields the fields that differ, but for the workdir, which always does."""
    theirs = dict(each_field(b))
    for name, value in each_field(a):
        if value != theirs[name] and name != "run.workdir":
            yield FieldPair(name, value, theirs[name], free=name in FREE)


def diff_losses(
    a: list[dict[str, Any]], b: list[dict[str, Any]]
) -> tuple[LossPair | None, int]:
    """Returns the first logged loss that differs, and how many were compared.

    A logged loss is the mean since the one before it, so that those of a step can be
    compared where the one before it is of the same step too.
    """
    ours, theirs = _losses(a), _losses(b)
    shared = sorted(ours.keys() & theirs.keys())
    pairs = (LossPair(end, ours[s, end], theirs[s, end]) for s, end in shared)
    return next((pair for pair in pairs if pair.a != pair.b), None), len(shared)


def diff_states(
    a: dict[int, dict[str, Any]], b: dict[int, dict[str, Any]], order: list[str]
) -> StatePair | None:
    """Returns the first saved state that differs; None if all are equal.

    Args:
      a: the lines of hashes of a run, by step.
      order: names of the parameters, in the model's order.
    """
    equal_before = None
    for step in sorted(a.keys() & b.keys()):
        if a[step]["hash"] == b[step]["hash"]:
            equal_before = step
            continue
        ours, theirs = a[step]["arrays"], b[step]["arrays"]
        places = {name: place for place, name in reversed(list(enumerate(order)))}
        names = sorted(ours.keys() | theirs.keys(), key=lambda n: _place(n, places))
        differ = [name for name in names if ours.get(name) != theirs.get(name)]
        counts: dict[str, tuple[int, int]] = {}
        for group in dict.fromkeys(map(_group, names)):
            of = [_group(name) for name in names].count(group)
            counts[group] = ([_group(name) for name in differ].count(group), of)
        return StatePair(step, equal_before, differ[0], counts)
    return None


def _group(path: str) -> str:
    return path.split("/")[0]


def _place(path: str, places: dict[str, int]) -> tuple[int, int, str]:
    """Returns what to sort an array by: its group, then its parameter's place."""
    group, name = _group(path), path.split("/")[-1]
    rank = GROUPS.index(group) if group in GROUPS else len(GROUPS)
    return rank, places.get(name, -1), path


def _losses(lines: list[dict[str, Any]]) -> dict[tuple[int, int], float | None]:
    """Returns the logged losses by the steps they lie between; None for no number."""
    trained = [line for line in lines if "train/learning_rate" in line]
    ends = [line["step"] for line in trained]
    spans = zip([0, *ends], ends, strict=False)
    return dict(zip(spans, (line.get("train/loss") for line in trained), strict=True))


def _by_step(lines: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {line["step"]: line for line in lines}


def _span(lines: dict[int, Any]) -> str:
    return f"steps {', '.join(map(str, sorted(lines)))}" if lines else "none"
