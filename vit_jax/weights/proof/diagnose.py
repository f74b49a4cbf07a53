"""Why two models differ: other parameters, or the one choice that makes them agree."""

import dataclasses
import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError, InputWarning
from vit_jax.model.params import bind
from vit_jax.model.vit import VisionTransformer
from vit_jax.weights.faults import ConversionError, Fault, fold
from vit_jax.weights.layout import Layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.report import ParityReport, StageError

Params = Mapping[str, NDArray[Any]]
Compare = Callable[[VisionTransformer], Iterator[StageError]]
Changes = dict[str, Any]

# What weights do not tell, and published models do differently.
EPSILONS = (1e-12, 1e-6, 1e-5, 1e-3)
ACTIVATIONS = ("gelu", "gelu_tanh", "quick_gelu", "relu", "silu")
BLOCKS = ("pre", "post", "res_post", "pre_normed_residual")
ROPES, TEMPERATURES = ("axial", "centred", "none"), (10.0, 100.0, 10000.0)

# What keys and shapes show, where a reference has tensors that the model lacks.
STRUCTURE: tuple[Changes, ...] = (
    {"layer_scale": 1e-5},
    {"layer_scale": None},
    {"layer_scale": 1e-5, "layer_scale_on": "attn"},
    *({"qkv_bias": bias} for bias in ("qkv", "qv", "none")),
    *({"qk_norm": flag} for flag in (True, False)),
    {"attn_norm": True, "mlp_norm": True},
    {"mlp_norm": True},
    *({"norm": kind} for kind in ("layer", "rms")),
    {"final_norm": True, "norm_after_pool": False},
    {"final_norm": False, "norm_after_pool": True},
    *({"position_on": tokens} for tokens in ("patches", "all")),
    *({"position": kind} for kind in ("none", "learned")),
    {"stem_norm": True, "patch_bias": False},
)


def find_cause(
    config: ViTConfig,
    params: Params,
    tensors: Params,
    layout: Layout,
    compare: Compare,
    report: ParityReport,
) -> str:
    """Returns a sentence on why a model differs from a reference.

    The reference's tensors are laid beside the model's parameters first. If they are
    the same, the model is computed with each other value that weights do not tell,
    then with the one that helps most and each other beside it.

    Args:
      params: the model's.
      tensors: the reference's, under the layout's names.
      compare: yields the errors of a model's stages against the reference's.
      report: what the comparison gave.
    """
    try:
        plan = make_plan(layout, config)
        faults = plan.find_faults({key: tensors[key].shape for key in tensors})
    except ConversionError as error:
        return str(error)
    if faults:
        return _explain_structure(config, tensors, layout, compare, report, faults)
    theirs = plan.to_ours(tensors)
    others = _name_other_parameters(params, theirs)
    trials = Trials(config, theirs, compare, report)
    if others and trials.run({}).agrees:
        return f"{others} With the reference's parameters every stage agrees."
    every = guesses(config)
    found = trials.search(every)
    if not found.agrees:  # perhaps two mistakes: one more beside what helps most
        others_left = [c for c in every if c.keys().isdisjoint(found.changes)]
        both = trials.search([{**found.changes, **c} for c in others_left])
        found = both if both.agrees else found
    has = _tell({name: getattr(config, name) for name in found.changes})
    if found.agrees:
        told = f"{_tell(found.changes)} makes every stage agree; this model has {has}."
    else:
        told = (
            "Not found: no other epsilon, activation, scale, heads, norm order, pooling"
            f" or rotary positions, nor two of them, make the two agree. The nearest"
            f" is {_tell(found.changes)} for {has}: {found.error:.1e} at"
            f" {report.first_difference}."
        )
    return f"{others} {told}".strip()


@dataclasses.dataclass(frozen=True)
class Trial:
    """A model with some changes, compared with the reference."""

    changes: Changes
    worst: float
    """The largest error of all stages; infinity where one differs."""
    error: float
    """Of the stage that differed first; infinity where an earlier one differs."""

    @property
    def agrees(self) -> bool:
        """Whether every stage is within the tolerance."""
        return self.worst < np.inf


@dataclasses.dataclass(frozen=True)
class Trials:
    """Models with the reference's parameters and other values in the config."""

    config: ViTConfig
    params: Params
    compare: Compare
    report: ParityReport

    def search(self, every: list[Changes]) -> Trial:
        """Returns the first trial that agrees, or the one that comes nearest."""
        nearest = Trial({}, np.inf, np.inf)
        for changes in every:
            trial = self.run(changes)
            if trial.agrees:
                # An epsilon of 1e-12 may pass for 1e-6: the nearer value counts.
                alike = [c for c in every if c.keys() == changes.keys()]
                return min(map(self.run, alike), key=lambda trial: trial.worst)
            nearest = min(nearest, trial, key=lambda trial: trial.error)
        return nearest

    def run(self, changes: Changes) -> Trial:
        """Returns what a change gives; no stage behind the first that differs."""
        worst, error = 0.0, np.inf
        nothing = Trial(changes, np.inf, np.inf)
        try:
            changed = self.config.replace(**changes)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InputWarning)  # no wish of the user's
                for found in self.compare(bind(changed, self.params)):
                    here = max(found.relative_l2, found.relative_max)
                    worst = max(worst, here)
                    if found.stage == self.report.first_difference:
                        error = here
                    if not found.within(self.report.tolerance):
                        return Trial(changes, np.inf, error)
        except InputError:  # no valid model, or another shape
            return nothing
        return Trial(changes, worst, error)


def guesses(config: ViTConfig) -> list[Changes]:
    """Returns other values for what weights do not tell, the likeliest first."""
    width = config.num_heads * config.dim_per_head
    heads = [n for n in range(1, width + 1) if width % n == 0 and width // n >= 2]
    heads.sort(key=lambda n: abs(width // n - 64))  # most published heads are 64 wide
    head_dim = config.dim_per_head
    scales = (None, config.embed_dim**-0.5, head_dim**0.5, head_dim**-0.5)
    every: list[Changes] = [
        *({"norm_eps": eps} for eps in EPSILONS),
        *({"activation": name} for name in ACTIVATIONS),
        *({"attn_scale": scale} for scale in scales),
        *({"num_heads": n, "head_dim": width // n} for n in heads),
        *({"block": name} for name in BLOCKS),
        *({"attend_over": name} for name in ("tokens", "batch")),
        *({"pool": name} for name in ("cls", "mean")),
        *({"pool_prefix": flag} for flag in (True, False)),
        *(_rope_guesses() if config.rope in ROPES else ()),
    ]
    return [
        changed for changes in every if (changed := _only_what_changes(config, changes))
    ]


def _rope_guesses() -> Iterator[Changes]:
    pairs = ("halves", "interleaved")
    plain: Changes = {"rope_offset": 0.0, "rope_grid": None}
    yield from ({"rope_pairs": name} for name in pairs)
    yield from ({"rope_axes": name} for name in ("yx", "xy"))
    yield from ({"rope_temperature": t} for t in TEMPERATURES)
    yield from ({"rope_offset": offset} for offset in (0.0, 1.0))
    yield {"rope_grid": None}
    yield from ({"rope": name, **plain} for name in ROPES)
    for name, p, t in itertools.product(ROPES[:2], pairs, TEMPERATURES):
        yield {"rope": name, "rope_pairs": p, "rope_temperature": t, **plain}


def _only_what_changes(config: ViTConfig, changes: Changes) -> Changes:
    """Returns changes without those that change nothing."""
    if "num_heads" in changes and changes["num_heads"] == config.num_heads:
        return {}
    return {n: value for n, value in changes.items() if getattr(config, n) != value}


def _explain_structure(
    config: ViTConfig,
    tensors: Params,
    layout: Layout,
    compare: Compare,
    report: ParityReport,
    faults: list[Fault],
) -> str:
    """Returns which change of the config gives the model the reference's tensors."""
    for changes in STRUCTURE:
        try:
            changed = config.replace(**changes)
            params = make_plan(layout, changed).to_ours(tensors)
        except InputError:
            continue
        agrees = Trials(changed, params, compare, report).run({}).agrees
        then = "every stage agrees" if agrees else "a difference is left"
        has = _tell({name: getattr(config, name) for name in changes})
        return (
            f"the reference has the parameters of {_tell(changes)}, with which {then};"
            f" this model has {has}."
        )
    lines = "\n".join(fold(faults))
    return f"the reference has not this model's parameters:\n{lines}"


def _name_other_parameters(ours: Params, theirs: Params) -> str:
    """Returns which parameters are not the reference's, and whose they are instead."""
    different = [
        name
        for name in ours
        if not np.array_equal(ours[name], theirs[name].astype(ours[name].dtype))
    ]
    if not different:
        return ""
    names = {theirs[name].tobytes(): name for name in theirs}
    faults: list[Fault] = []
    for name in different:
        other = names.get(ours[name].tobytes())
        told = f"holds the reference's {other}" if other else "has other values"
        faults.append(Fault("other", name, told))
    shown = [line.split(maxsplit=1)[1] for line in fold(faults)]
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    return f"parameters differ: {'; '.join(shown[:4])}{more}."


def _tell(changes: Changes) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in changes.items())
