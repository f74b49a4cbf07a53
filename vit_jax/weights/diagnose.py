"""Why two models differ: other parameters, or the one choice that makes them agree."""

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError, InputWarning
from vit_jax.model.params import bind, param_shapes
from vit_jax.model.vit import VisionTransformer
from vit_jax.weights.faults import ConversionError, Fault, fold
from vit_jax.weights.mapping import Layout, make_plan
from vit_jax.weights.report import ParityReport, StageError

Params = Mapping[str, NDArray[Any]]
Compare = Callable[[VisionTransformer], Iterator[StageError]]
Changes = dict[str, Any]

# What weights do not tell, and published models do differently.
EPSILONS = (1e-12, 1e-6, 1e-5, 1e-3)
ACTIVATIONS = ("gelu", "gelu_tanh", "quick_gelu", "relu", "silu")
BLOCKS = ("pre", "post", "res_post", "pre_normed_residual")
ROPES = ("axial", "centred", "none")
TEMPERATURES = (10.0, 100.0, 10000.0)

# What keys and shapes show, where a reference has tensors that the model lacks.
STRUCTURE: tuple[Changes, ...] = (
    {"layer_scale": 1e-5},
    {"layer_scale": None},
    {"layer_scale": 1e-5, "layer_scale_on": "attn"},
    *({"qkv_bias": bias} for bias in ("qkv", "qv", "none")),
    {"qk_norm": True},
    {"qk_norm": False},
    {"attn_norm": True, "mlp_norm": True},
    {"mlp_norm": True},
    {"norm": "layer"},
    {"norm": "rms"},
    {"final_norm": True, "norm_after_pool": False},
    {"final_norm": False, "norm_after_pool": True},
    {"position_on": "patches"},
    {"position_on": "all"},
    {"position": "none"},
    {"position": "learned"},
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
    alone and epsilon and activation together, until one agrees at every stage.

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
    same = _worst_error(bind(config, theirs), compare, report) < np.inf
    if others and same:
        return f"{others} With the reference's parameters every stage agrees."
    changes = _first_that_agrees(config, theirs, compare, report)
    if changes:
        has = _tell({name: getattr(config, name) for name in changes})
        found = f"{_tell(changes)} makes every stage agree; this model has {has}."
        return f"{others} {found}".strip()
    tried = "epsilon, activation, scale, heads, norm order, pooling, rotary positions"
    return f"{others} Not found: no other {tried} makes the two agree.".strip()


def _first_that_agrees(
    config: ViTConfig, params: Params, compare: Compare, report: ParityReport
) -> Changes | None:
    """Returns the first field with a value that agrees, and its nearest such value."""

    def error(changes: Changes) -> float:
        return _worst_error(_build(config, changes, params), compare, report)

    every = guesses(config)
    found = next((changes for changes in every if error(changes) < np.inf), None)
    if found is None:
        return None
    # An epsilon of 1e-12 may pass for 1e-6: the one that is nearer counts.
    alike = (changes for changes in every if changes.keys() == found.keys())
    return min(alike, key=error)


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
        *(
            {"norm_eps": eps, "activation": name}
            for eps, name in itertools.product(EPSILONS, ACTIVATIONS)
        ),
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


def _build(
    config: ViTConfig, changes: Changes, params: Params
) -> VisionTransformer | None:
    """Returns the changed model with the same parameters; None if it has others."""
    try:
        changed = config.replace(**changes)
    except InputError:
        return None
    shapes = {name: array.shape for name, array in params.items()}
    return bind(changed, params) if param_shapes(changed) == shapes else None


def _worst_error(
    model: VisionTransformer | None, compare: Compare, report: ParityReport
) -> float:
    """Returns the largest error of a model, infinity where a stage differs."""
    if model is None:
        return np.inf
    worst = 0.0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputWarning)  # a guess is not the user's
            for error in compare(model):
                if not error.within(report.tolerance):
                    return np.inf
                worst = max(worst, error.relative_l2, error.relative_max)
    except InputError:  # another shape
        return np.inf
    return worst


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
            plan = make_plan(layout, config.replace(**changes))
            model = bind(config.replace(**changes), plan.to_ours(tensors))
        except InputError:
            continue
        agrees = _worst_error(model, compare, report) < np.inf
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
    names = {theirs[name].tobytes(): name for name in theirs}
    faults: list[Fault] = []
    for name in ours:
        if not np.array_equal(ours[name], theirs[name].astype(ours[name].dtype)):
            other = names.get(ours[name].tobytes())
            told = f"holds the reference's {other}" if other else "has other values"
            faults.append(Fault("other", name, told))
    if not faults:
        return ""
    shown = [line.split(maxsplit=1)[1] for line in fold(faults)]
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    return f"parameters differ: {'; '.join(shown[:4])}{more}."


def _tell(changes: Changes) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in changes.items())
