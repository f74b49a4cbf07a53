"""A model's parameters for another image, patch, number of channels or of classes.

What this costs is lost on purpose: nothing is resampled, drawn anew or left out unless
its flag is given. All that is missing, and all that is given in vain, is told at once.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.model.init import initial_value
from vit_jax.model.params import param_shapes
from vit_jax.weights.faults import ConversionError, compare_shapes
from vit_jax.weights.resample import (
    RESAMPLINGS,
    Part,
    Resampling,
    find_weights,
    resample_patches,
    resample_positions,
    resample_relative_bias,
)

Params = dict[str, NDArray[Any]]

ADAPTED = ("image_size", "patch_size", "in_channels", "num_classes")
# How the sizes are used: they go along with them.
ALONG = ("drop_remainder", "position_rows")
TABLE, KERNEL = "embed.pos_embed", "embed.proj.kernel"
BIAS, HEAD = r"blocks\.\d+\.attn\.(\d+\.)?relative_bias$", r"head(_dist)?\."
RULED = f"{TABLE}$|{KERNEL}$|{BIAS}|{HEAD}"
PARTS: dict[Part, tuple[str, str]] = {
    "positions": (TABLE, "position table"),
    "relative": (BIAS, "relative position bias"),
    "patches": (KERNEL, "patch kernel"),
}


def adapt(
    params: Mapping[str, NDArray[Any]],
    old: ViTConfig,
    new: ViTConfig,
    *,
    resample: Resampling | None = None,
    new_head: bool = False,
    keep_classes: Sequence[int] | None = None,
    adapt_channels: bool = False,
    seed: int = 0,
) -> Params:
    """Returns the parameters of `new`'s model, made of those of `old`'s.

    Each keeps its dtype; what is computed, is in float32.

    Args:
      new: differs from `old` in image_size, patch_size, in_channels and num_classes
        alone, or in what changes no parameter.
      resample: whose interpolation takes position tables, relative position biases and
        the patch kernel to another grid: a name in `vit_jax.weights.resample`.
      new_head: draws the head's initial values, or leaves it out for num_classes=0.
      keep_classes: indices of the old classes that are the new ones, in their order.
      adapt_channels: sums the patch kernel's channels for a model of one channel, and
        repeats them for one of several, scaled to the same sum.
      seed: of a new head.

    Raises:
      InputError: something does not fit without its flag, or a flag has nothing to do.
    """
    faults = compare_shapes({n: a.shape for n, a in params.items()}, param_shapes(old))
    if faults:
        raise ConversionError("the parameters are not those of the old config", faults)
    sizes = {name: getattr(new, name) for name in (*ADAPTED, *ALONG)}
    reached = old.replace(**sizes)
    problems = [
        *_check_fields(old, new, reached),
        *_check_grid(old, reached, resample),
        *_check_channels(old, reached, adapt_channels),
        *_check_head(old, reached, new_head, keep_classes),
    ]
    if problems:
        told = "\n".join(f"  {problem}" for problem in problems)
        raise InputError(f"the parameters cannot be adapted as asked:\n{told}")
    adapted = dict(params)
    if adapt_channels:
        adapted[KERNEL] = _adapt_channels(adapted[KERNEL], old, new)
    if resample is not None:
        adapted |= _resample(adapted, old, new, resample)
    for name, shape in param_shapes(new).items():
        if re.match(HEAD, name) and new_head:
            drawn = initial_value(name, shape, new, (seed,))
            adapted[name] = drawn.astype(params.get(name, params[KERNEL]).dtype)
        elif re.match(HEAD, name) and keep_classes is not None:
            adapted[name] = params[name][..., list(keep_classes)]
    adapted = {name: adapted[name] for name in param_shapes(new)}
    assert {name: array.shape for name, array in adapted.items()} == param_shapes(new)
    return adapted


def _adapt_channels(
    kernel: NDArray[Any], old: ViTConfig, new: ViTConfig
) -> NDArray[Any]:
    """Returns a patch kernel for other channels, as timm's adapt_input_conv does."""
    before, after = old.in_channels, new.in_channels
    values = kernel.astype(np.float32).reshape(-1, before, old.embed_dim)
    if after == 1:
        values = values.sum(axis=1)
    else:
        values = values[:, np.arange(after) % before] * np.float32(before / after)
    return values.reshape(-1, old.embed_dim).astype(kernel.dtype)


def _resample(
    params: Params, old: ViTConfig, new: ViTConfig, resample: Resampling
) -> Params:
    """Returns the parameters that a grid or a patch gives its shape."""
    resampled: Params = {}
    if TABLE in params:
        resampled[TABLE] = _resample_table(params[TABLE][0], old, new, resample)[None]
    if old.grid != new.grid:
        for name in (name for name in params if re.match(BIAS, name)):
            bias = resample_relative_bias(params[name], old.grid, new.grid, resample)
            resampled[name] = bias
    if old.patch_shape != new.patch_shape:
        sizes = old.patch_shape, new.patch_shape
        resampled[KERNEL] = resample_patches(params[KERNEL], *sizes, resample)
    return resampled


def _resample_table(
    table: NDArray[Any], old: ViTConfig, new: ViTConfig, resample: Resampling
) -> NDArray[Any]:
    """Returns a table of which the patches' rows are resampled, and no others."""
    others = {"all": old.num_prefix, "class": old.num_prefix - old.num_registers}
    first = others.get(old.position_on, 0)
    last = first + old.num_patches
    patches = resample_positions(table[first:last], old.grid, new.grid, resample)
    length = new.position_rows or new.num_positions
    rows = np.concatenate([table[:first], patches, table[last:]])[:length]
    return np.pad(rows, ((0, length - len(rows)), (0, 0)))


def _tell(old: ViTConfig, new: ViTConfig, names: Sequence[str]) -> str:
    """Returns "image_size 224 -> 384, patch_size 16 -> 14" of those that differ."""
    values = ((name, getattr(old, name), getattr(new, name)) for name in names)
    return ", ".join(f"{name} {a} -> {b}" for name, a, b in values if a != b)


def _tell_shapes(old: ViTConfig, new: ViTConfig, name: str) -> str:
    shapes = (param_shapes(config).get(name, ())[-2:] for config in (old, new))
    return "goes from {} to {}".format(*shapes)


def _changes_shapes(config: ViTConfig, name: str, value: Any) -> bool:
    try:
        return param_shapes(config.replace(**{name: value})) != param_shapes(config)
    except InputError:
        return True


def _check_fields(old: ViTConfig, new: ViTConfig, reached: ViTConfig) -> Iterator[str]:
    """Yields what no flag mends: other fields, and parameters that have no rule."""
    if param_shapes(reached) != param_shapes(new):
        values = dataclasses.asdict(reached).items()
        fields = [name for name, value in values if _changes_shapes(new, name, value)]
        yield (
            f"{_tell(reached, new, fields)}: the model gets other parameters, but only"
            f" {', '.join(ADAPTED)} can be adapted."
        )
    faults = compare_shapes(param_shapes(old), param_shapes(reached))
    names = [fault.key for fault in faults if not re.match(RULED, fault.key)]
    if names:
        yield (
            f"{_tell(old, reached, ADAPTED)}: there is no rule to adapt"
            f" {', '.join(names)}."
        )


def _check_grid(old: ViTConfig, new: ViTConfig, resample: str | None) -> Iterator[str]:
    """Yields what a grid or a patch of another size needs."""
    if resample is not None:
        find_weights(resample, "positions")  # raises where there is no such name
    before, after = param_shapes(old), param_shapes(new)
    moves: dict[Part, bool] = {
        "positions": old.grid != new.grid or before.get(TABLE) != after.get(TABLE),
        "relative": old.grid != new.grid,
        "patches": old.patch_shape != new.patch_shape,
    }
    names: dict[Part, str] = {
        part: name
        for part, (pattern, _) in PARTS.items()
        for name in before
        if re.match(pattern, name)
    }
    moved: list[Part] = [part for part in names if moves[part]]
    able = [n for n, k in RESAMPLINGS.items() if all(getattr(k, p) for p in moved)]
    told = " and ".join(
        f"the {PARTS[part][1]} {_tell_shapes(old, new, names[part])}" for part in moved
    )
    if moved and resample not in able:
        vain = f"resample={resample!r} has no way to do that. " if resample else ""
        yield (
            f"{_tell(old, new, (*ADAPTED[:2], *ALONG, 'grid'))}: {told}. {vain}Give"
            f" resample='timm' (--resample timm), or {', '.join(able[1:])}."
        )
    if resample is not None and names.keys() == {"patches"} and not moved:
        yield f"resample={resample!r} has nothing to do: no table is of the grid."


def _check_channels(old: ViTConfig, new: ViTConfig, asked: bool) -> Iterator[str]:
    """Yields what another number of channels needs."""
    if old.in_channels != new.in_channels and not asked:
        yield (
            f"{_tell(old, new, ['in_channels'])}: the patch kernel"
            f" {_tell_shapes(old, new, KERNEL)}. Give adapt_channels=True"
            " (--adapt-channels) to sum or repeat its channels."
        )
    if old.in_channels == new.in_channels and asked:
        yield f"adapt_channels=True has nothing to do: in_channels={old.in_channels}."


def _check_head(
    old: ViTConfig, new: ViTConfig, new_head: bool, keep: Sequence[int] | None
) -> Iterator[str]:
    """Yields what another number of classes needs."""
    before, after = old.num_classes, new.num_classes
    if new_head and keep is not None:
        yield "new_head=True and keep_classes exclude each other: give one of them."
    elif new_head and not before and not after:
        yield "new_head=True has nothing to do: num_classes=0."
    elif keep is not None:
        wrong = [i for i in keep if not 0 <= i < before]
        if wrong:
            yield f"keep_classes has {wrong}, but the old model has {before} classes."
        if len(set(keep)) < len(keep) or len(keep) != after or not after:
            yield (
                f"keep_classes has {len(set(keep))} different indices of {len(keep)}:"
                f" num_classes={after} needs as many, each once."
            )
    elif before != after and not new_head:
        keeping = ", or keep_classes (--keep-classes) with the indices to keep"
        yield (
            f"num_classes {before} -> {after} is another head. Give new_head=True"
            f" (--new-head) to {'draw a new one' if after else 'leave it out'}"
            f"{keeping if 0 < after < before else ''}."
        )
