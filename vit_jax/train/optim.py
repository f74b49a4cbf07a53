"""The optimizer: rows of patterns over parameter names, a schedule, AdamW."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import optax

from vit_jax.errors import InputError
from vit_jax.train.config import OptimConfig


def match_rows(
    rows: Sequence[tuple[str, float]], names: Iterable[str], *, field: str
) -> dict[str, float]:
    """Returns each name's value: that of the first row whose pattern is found in it.

    Raises:
      InputError: a name that no row matches, a row that matches no name, or a pattern
        that is no regular expression.
    """
    names = list(names)
    try:
        patterns = [(re.compile(pattern), value) for pattern, value in rows]
    except re.error as error:
        raise InputError(
            f"{field}: {error.pattern!r} is no regular expression ({error})."
        ) from error
    values: dict[str, float] = {}
    used: set[str] = set()
    for name in names:
        found = next(((p, v) for p, v in patterns if p.search(name)), None)
        if found is None:
            raise InputError(
                f"{field}: no row matches the parameter {name}. Add a last row"
                " ('.*', value) for all that is left."
            )
        values[name] = found[1]
        used.add(found[0].pattern)
    for pattern, _ in rows:
        if pattern not in used:
            raise InputError(
                f"{field}: the row {pattern!r} matches no parameter that a row before"
                f" it does not. The parameters: {', '.join(names[:3])}, ... Mend the"
                " pattern, its place, or leave the row out."
            )
    return values


def make_schedule(config: OptimConfig, steps: int) -> optax.Schedule:
    """Returns the learning rate by step: linear warm-up, then cosine decay."""
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=config.learning_rate,
        warmup_steps=config.warmup_steps,
        decay_steps=steps,
        end_value=config.final_learning_rate,
    )


def make_optimizer(
    config: OptimConfig, names: Iterable[str]
) -> optax.GradientTransformation:
    """Returns clipped AdamW over parameters of these names.

    Its updates are to be multiplied by the learning rate of the step and subtracted: a
    step that is left out has its place in the schedule all the same.

    Raises:
      InputError: decay_rows that do not cover the names, or match none.
    """
    factors = match_rows(config.decay_rows, names, field="optim.decay_rows")
    clip = optax.identity()
    if config.clip_norm is not None:
        clip = optax.clip_by_global_norm(config.clip_norm)

    def decay(updates: Any, params: Any) -> Any:
        return {
            name: update + config.weight_decay * factors[name] * params[name]
            if factors[name]
            else update
            for name, update in updates.items()
        }

    return optax.chain(
        clip,
        optax.scale_by_adam(b1=config.beta1, b2=config.beta2),
        optax.stateless(decay),
    )
