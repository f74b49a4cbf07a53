"""OptimConfig: how gradients become new parameters."""

import dataclasses
from typing import Any, Literal

OptimName = Literal["adamw", "sgd", "lamb", "lion", "adafactor", "muon"]
Schedule = Literal["cosine", "linear", "constant", "rsqrt"]
Loss = Literal["softmax", "sigmoid"]
Rows = tuple[tuple[str, float], ...]

# The settings of each optimizer, and what they are where the recipe says nothing: the
# values of its paper. What is not listed here it does not have.
SETTINGS: dict[str, dict[str, Any]] = {
    "adamw": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "sgd": {"momentum": 0.9, "nesterov": False},
    "lamb": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-6},
    "lion": {"beta1": 0.9, "beta2": 0.99},
    "adafactor": {"beta2": 1.0, "momentum": 0.0, "parameter_scale": True},
    "muon": {
        "momentum": 0.95,
        "nesterov": True,
        "ns_steps": 5,
        "consistent_rms": 0.2,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
    },
}
OWN_SETTINGS = tuple(dict.fromkeys(name for own in SETTINGS.values() for name in own))
RSQRT_TIMESCALE = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """Optimizer, learning rate by step and by parameter, clipping, averages.

    A setting that only some optimizers have is None for the value of the paper, and
    refused where another optimizer is chosen.
    """

    name: OptimName = "adamw"
    """adamw (arXiv:1711.05101), sgd, lamb (arXiv:1904.00962) with a trust ratio for all
    kernels but the head's, lion (arXiv:2302.06675), adafactor (arXiv:1804.04235); muon
    (Jordan 2024) for kernels of blocks and pool, and AdamW for the rest."""
    learning_rate: float = 1e-3
    """At the end of the warm-up."""
    schedule: Schedule = "cosine"
    """After the warm-up: to final_learning_rate as a cosine or a line; constant; or
    divided by sqrt(1 + steps / rsqrt_timescale) (arXiv:2106.04560)."""
    warmup_steps: int = 0
    """On a line from 0; or in the two units below."""
    warmup_epochs: float = 0
    warmup_examples: int = 0
    cooldown_steps: int = 0
    """constant, rsqrt: the last steps, on a line to final_learning_rate; or in the two
    units below."""
    cooldown_epochs: float = 0
    cooldown_examples: int = 0
    rsqrt_timescale: int | None = None
    """rsqrt: None is 10,000 steps."""
    final_learning_rate: float = 0.0
    """At the last step."""
    weight_decay: float = 0.05
    """Decoupled, times the learning rate (AdamW, arXiv:1711.05101)."""
    decay_rows: Rows = ((r"\.kernel$", 1.0), (r".*", 0.0))
    """(pattern, factor on weight_decay): the first pattern found in a parameter's name
    counts. Every parameter must be matched, and every row must match one."""
    rate_rows: Rows = ()
    """(pattern, factor on the learning rate), in the same way; none leaves all at 1."""
    layer_decay: float | None = None
    """Factor on the learning rate from a layer to the one before it: embed is layer 0,
    block i layer i + 1; norm, pool and head are the last (BEiT, arXiv:2106.08254)."""
    freeze: tuple[str, ...] = ()
    """Patterns: a parameter in whose name one is found is not trained."""
    beta1: float | None = None
    """adamw, lamb, lion, muon's AdamW: 0.9."""
    beta2: float | None = None
    """adamw, lamb, muon's AdamW: 0.999; lion: 0.99; adafactor: largest decay of the
    second moment, 1 for no limit (0.999 in arXiv:2106.04560)."""
    eps: float | None = None
    """adamw, muon's AdamW: 1e-8; lamb: 1e-6."""
    momentum: float | None = None
    """sgd: 0.9; muon: 0.95; adafactor: 0, which keeps none."""
    nesterov: bool | None = None
    """sgd: False; muon: True."""
    parameter_scale: bool | None = None
    """adafactor: True, updates are relative to each parameter's size."""
    ns_steps: int | None = None
    """muon: 5 Newton-Schulz iterations."""
    consistent_rms: float | None = None
    """muon: 0.2, the size of updates, so that AdamW's learning rate and decay fit
    (arXiv:2502.16982). 0 scales by sqrt(max(1, outputs / inputs)), as Jordan's."""
    sam_rho: float | None = None
    """Sharpness-aware minimisation (arXiv:2010.01412) around any optimizer: gradients
    are those at this distance uphill, 0.05 in the paper. A step costs twice as much."""
    clip_value: float | None = None
    """Largest size of each number of the gradients; comes before clip_norm."""
    clip_norm: float | None = 1.0
    """Largest global norm of the gradients; None does not clip."""
    loss: Loss = "softmax"
    """Cross-entropy of all classes together, or of each class by itself (arXiv:
    2110.00476, section 2.2; DeiT III, arXiv:2204.07118)."""
    sum_classes: bool | None = None
    """sigmoid: False, the mean over the classes (timm, DeiT III); True adds them up
    (big_vision)."""
    target_threshold: float | None = None
    """sigmoid: classes whose target is above it are all of the target, others none of
    it, so that both classes of a mixed image count in full. 0 is DeiT III's."""
    label_smoothing: float = 0.0
    """Share of the label that is spread evenly over all classes."""
    accumulate_steps: int = 1
    """Parts of a batch whose gradients are taken one after another and averaged: memory
    for one part, and the same update. Each part draws its own dropout."""
    ema_decay: float | None = None
    """Keep an average of the parameters that decays by this each step, warmed up as
    min(decay, (1 + step) / (10 + step)). It is evaluated beside them, and released."""


def find_settings(c: OptimConfig) -> dict[str, Any]:
    """Returns the chosen optimizer's own settings, those of its paper filled in."""
    set_ = {name: getattr(c, name) for name in SETTINGS[c.name]}
    return {
        name: default if set_[name] is None else set_[name]
        for name, default in SETTINGS[c.name].items()
    }
