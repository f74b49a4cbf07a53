"""DistillConfig: a teacher whose logits a model learns beside the labels."""

import dataclasses
from collections.abc import Iterator
from typing import Literal, get_args

from vit_jax.errors import near

Kind = Literal["hard", "soft"]
TEMPERATURE = 3.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """Distillation from a teacher that sees the same images (DeiT, arXiv:2012.12877).

    With model.distill_token the second head learns from the teacher and the first from
    the labels; without it the only head learns from both.
    """

    teacher: str | None = None
    """Weights file, folder of ours, of Hugging Face or of timm, a finished run's, or
    hf:ORG/NAME; of the model's image size and classes. None trains without."""
    preset: str | None = None
    """Published model that the teacher's weights are of."""
    kind: Kind = "hard"
    """Learn the teacher's likeliest class, or its softened probabilities."""
    alpha: float = 0.5
    """Share of the loss that is the teacher's; the labels have the rest. DeiT has 0.5
    for hard and 0.1 for soft."""
    temperature: float | None = None
    """soft: 3, as in DeiT; both logits are divided by it."""


def find_temperature(c: DistillConfig) -> float:
    """Returns the temperature, DeiT's where none is given."""
    return TEMPERATURE if c.temperature is None else c.temperature


def find_distill_faults(c: DistillConfig) -> Iterator[str]:
    """Yields a sentence for each fault."""
    default = DistillConfig()
    for name in ("preset", "kind", "alpha", "temperature"):
        value = getattr(c, name)
        if c.teacher is None and value != getattr(default, name):
            yield f"{name}={value!r} does nothing without distill.teacher."
    kinds = get_args(Kind)
    if c.kind not in kinds:
        told = near(str(c.kind), kinds)
        yield f"kind={c.kind!r} is none of {', '.join(kinds)}.{told}"
    if c.kind == "hard" and c.temperature is not None and c.teacher is not None:
        yield (
            f"temperature={c.temperature} does nothing with kind='hard', which takes"
            " the teacher's likeliest class; it is a setting of soft."
        )
    if not 0 < c.alpha <= 1:
        yield f"alpha={c.alpha}; above 0 and up to 1."
    if c.temperature is not None and c.temperature <= 0:
        yield f"temperature={c.temperature}; positive."
