"""OptimConfig: how gradients become new parameters."""

import dataclasses
from collections.abc import Iterator


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW with warm-up and cosine decay."""

    learning_rate: float = 1e-3
    """At the end of the warm-up."""
    warmup_steps: int = 0
    final_learning_rate: float = 0.0
    """At the last step."""
    weight_decay: float = 0.05
    """Decoupled, times the learning rate (AdamW, arXiv:1711.05101)."""
    decay_rows: tuple[tuple[str, float], ...] = ((r"\.kernel$", 1.0), (r".*", 0.0))
    """(pattern, factor on weight_decay): the first pattern found in a parameter's name
    counts. Every parameter must be matched, and every row must match one."""
    beta1: float = 0.9
    beta2: float = 0.999
    clip_norm: float | None = 1.0
    """Largest global norm of the gradients; None does not clip."""
    label_smoothing: float = 0.0
    """Share of the label that is spread evenly over all classes."""
    accumulate_steps: int = 1
    """Parts of a batch whose gradients are taken one after another and averaged: memory
    for one part, and the same update. Each part draws its own dropout."""
    ema_decay: float | None = None
    """Keep an average of the parameters that decays by this each step, warmed up as
    min(decay, (1 + step) / (10 + step)). It is evaluated beside them, and released."""


def find_optim_faults(c: OptimConfig, *, steps: int, batch_size: int) -> Iterator[str]:
    """Yields a sentence for each fault.

    Args:
      steps: of the run.
    """
    for name in ("learning_rate", "final_learning_rate", "weight_decay"):
        if getattr(c, name) < 0:
            yield f"{name}={getattr(c, name)} is negative."
    if not 0 <= c.warmup_steps < steps:
        yield (f"warmup_steps={c.warmup_steps} does not lie within run.steps={steps}.")
    if c.clip_norm is not None and c.clip_norm <= 0:
        yield f"clip_norm={c.clip_norm}; positive, or None."
    if not (0 <= c.beta1 < 1 and 0 <= c.beta2 < 1):
        yield f"beta1={c.beta1}, beta2={c.beta2}; each from 0 to below 1."
    if not 0 <= c.label_smoothing < 1:
        yield f"label_smoothing={c.label_smoothing}; a share is from 0 to below 1."
    if c.accumulate_steps < 1 or batch_size % c.accumulate_steps:
        yield (
            f"accumulate_steps={c.accumulate_steps} does not divide"
            f" data.batch_size={batch_size}."
        )
    if c.ema_decay is not None and not 0 < c.ema_decay < 1:
        yield f"ema_decay={c.ema_decay}; between 0 and 1, such as 0.9999, or None."
