"""The learning rate by step."""

import math

import jax
import jax.numpy as jnp
import optax

from vit_jax.train.optim_config import RSQRT_TIMESCALE, OptimConfig


def make_schedule(config: OptimConfig, steps: int) -> optax.Schedule:
    """Returns the learning rate by step: linear warm-up, then what `schedule` says."""
    peak, end = config.learning_rate, config.final_learning_rate
    warmup, cooldown = config.warmup_steps, config.cooldown_steps
    if config.schedule == "cosine":
        return optax.warmup_cosine_decay_schedule(
            init_value=0.0,
            peak_value=peak,
            warmup_steps=warmup,
            decay_steps=steps,
            end_value=end,
        )
    # Of no steps where there is no warm-up: then its value is never asked for.
    begin = optax.linear_schedule(0.0, peak, max(warmup, 1))
    if config.schedule == "linear":
        fall = optax.linear_schedule(peak, end, steps - warmup)
        return optax.join_schedules([begin, fall], [warmup])
    timescale = math.inf
    if config.schedule == "rsqrt":
        timescale = config.rsqrt_timescale or RSQRT_TIMESCALE
    body = _reciprocal_root(peak, timescale)
    if not cooldown:
        return optax.join_schedules([begin, body], [warmup])
    level = peak / math.sqrt(1 + (steps - cooldown - warmup) / timescale)
    fall = optax.linear_schedule(level, end, cooldown)
    return optax.join_schedules([begin, body, fall], [warmup, steps - cooldown])


def _reciprocal_root(peak: float, timescale: float) -> optax.Schedule:
    """Returns peak / sqrt(1 + step / timescale), which a warm-up runs into smoothly.

    An infinite timescale leaves the peak.

    Source: big_vision, create_learning_rate_schedule; used in arXiv:2106.04560.
    """

    def rate(step: jax.typing.ArrayLike) -> jax.Array:
        return peak / jnp.sqrt(1 + jnp.asarray(step) / timescale)

    return rate
