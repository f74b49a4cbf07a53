"""What is wrong with an OptimConfig, in sentences."""

from collections.abc import Iterator
from typing import get_args

from vit_jax.errors import near
from vit_jax.train.optim_config import (
    OWN_SETTINGS,
    SETTINGS,
    Loss,
    OptimConfig,
    OptimName,
    Schedule,
    find_settings,
)


def find_optim_faults(
    c: OptimConfig, *, steps: int | None, batch_size: int
) -> Iterator[str]:
    """Yields a sentence for each fault.

    Args:
      steps: of the run; None where it, the warm-up or the cool-down is no number of
        steps yet.
    """
    choices = list(_choices(c))
    yield from choices
    if not choices:
        yield from _without_effect(c)
        yield from _own_settings(c)
        if steps is not None:
            yield from _schedule(c, steps)
    yield from _numbers(c)
    if c.accumulate_steps < 1 or batch_size % c.accumulate_steps:
        yield (
            f"accumulate_steps={c.accumulate_steps} does not divide"
            f" data.batch_size={batch_size}."
        )


def _choices(c: OptimConfig) -> Iterator[str]:
    if c.name == "sam":
        yield (
            "name='sam' is no optimizer of its own: set optim.sam_rho, such as 0.05,"
            " beside one of them."
        )
        return
    for name, kind in (("name", OptimName), ("schedule", Schedule), ("loss", Loss)):
        value, options = getattr(c, name), get_args(kind)
        if value not in options:
            told = ", ".join(options)
            yield f"{name}={value!r} is none of {told}.{near(str(value), options)}"


def _without_effect(c: OptimConfig) -> Iterator[str]:
    """What is set is obeyed or refused: a setting of another would be neither."""
    for name in OWN_SETTINGS:
        value = getattr(c, name)
        if value is not None and name not in SETTINGS[c.name]:
            owners = [other for other, own in SETTINGS.items() if name in own]
            yield (
                f"{name}={value} does nothing with optim.name={c.name!r}; it is a"
                f" setting of {', '.join(owners)}."
            )
    ends = c.schedule in ("cosine", "linear")
    names = ("cooldown_steps", "cooldown_epochs", "cooldown_examples")
    cooldown = [f"{name}={getattr(c, name)}" for name in names if getattr(c, name)]
    if ends and cooldown:
        yield (
            f"{cooldown[0]} does nothing with schedule={c.schedule!r}, which falls to"
            " its end anyway."
        )
    if not ends and not cooldown and c.final_learning_rate:
        yield (
            f"final_learning_rate={c.final_learning_rate} does nothing with"
            f" schedule={c.schedule!r} without a cool-down (optim.cooldown-steps)."
        )
    if c.schedule != "rsqrt" and c.rsqrt_timescale is not None:
        yield (
            f"rsqrt_timescale={c.rsqrt_timescale} does nothing with"
            f" schedule={c.schedule!r}; it is rsqrt's."
        )
    for name in ("sum_classes", "target_threshold"):
        if c.loss != "sigmoid" and getattr(c, name) is not None:
            yield (
                f"{name}={getattr(c, name)} does nothing with loss={c.loss!r}; it is a"
                " setting of sigmoid."
            )
    if c.target_threshold is not None and c.label_smoothing:
        yield (
            f"label_smoothing={c.label_smoothing} is undone by"
            f" target_threshold={c.target_threshold}, behind which every target is 0 or"
            " 1: leave one of them out."
        )


def _own_settings(c: OptimConfig) -> Iterator[str]:
    own = find_settings(c)
    for name in ("beta1", "beta2", "momentum"):
        value, capped = own.get(name, 0.0), c.name == "adafactor" and name == "beta2"
        if not (0 <= value < 1 or (capped and value == 1)):
            yield f"{name}={value}; from 0 to below 1."
    if own.get("eps", 1.0) <= 0:
        yield f"eps={own['eps']}; positive."
    if own.get("ns_steps", 1) < 1:
        yield f"ns_steps={own['ns_steps']}; at least 1."
    if own.get("consistent_rms", 0.0) < 0:
        yield f"consistent_rms={own['consistent_rms']} is negative."
    if own.get("nesterov") and not own["momentum"]:
        yield "nesterov=True does nothing without momentum."


def _schedule(c: OptimConfig, steps: int) -> Iterator[str]:
    if not 0 <= c.warmup_steps < steps:
        yield f"warmup_steps={c.warmup_steps} does not lie within run.steps={steps}."
    elif not 0 <= c.cooldown_steps <= steps - c.warmup_steps:
        yield (
            f"cooldown_steps={c.cooldown_steps} does not lie within the"
            f" {steps - c.warmup_steps} steps that run.steps={steps} has after the"
            " warm-up."
        )


def _numbers(c: OptimConfig) -> Iterator[str]:
    if c.rsqrt_timescale is not None and c.rsqrt_timescale < 1:
        yield f"rsqrt_timescale={c.rsqrt_timescale}; at least 1."
    for name in ("learning_rate", "final_learning_rate", "weight_decay"):
        if getattr(c, name) < 0:
            yield f"{name}={getattr(c, name)} is negative."
    for name in ("decay_rows", "rate_rows"):
        for pattern, value in getattr(c, name):
            if not value >= 0:
                yield f"{name}: the factor {value} of {pattern!r} is negative."
    for name in ("clip_norm", "clip_value", "sam_rho"):
        value = getattr(c, name)
        if value is not None and value <= 0:
            yield f"{name}={value}; positive, or None."
    if c.layer_decay is not None and not 0 < c.layer_decay <= 1:
        yield f"layer_decay={c.layer_decay}; above 0 and up to 1, or None."
    if not 0 <= c.label_smoothing < 1:
        yield f"label_smoothing={c.label_smoothing}; a share is from 0 to below 1."
    if c.target_threshold is not None and not 0 <= c.target_threshold < 1:
        yield f"target_threshold={c.target_threshold}; from 0 to below 1, or None."
    if c.ema_decay is not None and not 0 < c.ema_decay < 1:
        yield f"ema_decay={c.ema_decay}; between 0 and 1, such as 0.9999, or None."
