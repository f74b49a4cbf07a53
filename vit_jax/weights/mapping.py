"""One table, both directions, every key accounted for.

A `Layout` is a table of `Rule`s, one a tensor of a publisher's files. `make_plan` lays
it over a model's parameter names and shapes: rules whose parameters the model lacks
fall away, so that tables have no branches. A `Plan` reads left to right on import and
right to left on export, and rearranges only: what comes back is bit for bit what came.
"""

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from einops import rearrange
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.model.params import param_shapes
from vit_jax.weights.faults import ConversionError, Fault

Shape = tuple[int, ...]
Tensors = Mapping[str, NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Rule:
    """One tensor of a file and the parameter it holds, or the several fused in it.

    The pattern is einops', from their axes to ours. Axes whose size the config gives
    are words (`rows columns channels`), `parts` counts the fused parameters and comes
    first in ours, the rest are letters.
    """

    theirs: str
    ours: str | tuple[str, ...]
    pattern: str = "... -> ..."


@dataclasses.dataclass(frozen=True)
class Stage:
    """Where a reference module holds what a stage of ours gives, for the parity check.

    `theirs` is the path of a submodule ("" for the whole), whose output counts, or its
    first input if `side` says so.
    """

    ours: str
    theirs: str
    side: str = "output"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """The names and axes of one publisher's files; `{i}` is a block's index."""

    name: str
    rules: tuple[Rule, ...]
    stages: tuple[Stage, ...] = ()


@dataclasses.dataclass(frozen=True)
class Move:
    """A rule placed: one tensor of theirs, with the shape it must have."""

    theirs: str
    shape: Shape
    ours: tuple[str, ...]
    pattern: str
    sizes: tuple[tuple[str, int], ...]

    def to_ours(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Returns the parameters in a tensor."""
        array = rearrange(tensor, self.pattern, **dict(self.sizes))
        return list(array) if len(self.ours) > 1 else [array]

    def to_theirs(self, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        """Returns the tensor that holds the parameters."""
        array = np.stack(arrays) if len(self.ours) > 1 else arrays[0]
        theirs, ours = self.pattern.split("->")
        return rearrange(array, f"{ours} -> {theirs}", **dict(self.sizes))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Every parameter of one model and where a layout keeps it; see `make_plan`."""

    layout: Layout
    shapes: Mapping[str, Shape]
    moves: tuple[Move, ...]

    def to_ours(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """Returns our parameters, each in the dtype of the tensor that held it.

        Raises:
          ConversionError: a tensor is missing, left over or of another shape; the
            error lists every one.
        """
        faults = self.find_faults({key: tensors[key].shape for key in tensors})
        if faults:
            raise ConversionError(
                f"the weights do not fit the {self.layout.name} layout of this model",
                faults,
            )
        return {
            name: array
            for move in self.moves
            for name, array in zip(
                move.ours, move.to_ours(tensors[move.theirs]), strict=True
            )
        }

    def to_theirs(self, params: Tensors) -> dict[str, NDArray[Any]]:
        """Returns the layout's tensors: `to_ours` undone, bit for bit."""
        assert params.keys() == self.shapes.keys()
        return {
            move.theirs: move.to_theirs([params[name] for name in move.ours])
            for move in self.moves
        }

    def find_faults(self, shapes: Mapping[str, Shape]) -> list[Fault]:
        """Returns what keeps tensors of these names and shapes from fitting."""
        wanted = {move.theirs: move.shape for move in self.moves}
        return [
            *(Fault("missing", key) for key in wanted if key not in shapes),
            *(Fault("unused", key) for key in shapes if key not in wanted),
            *(
                Fault("shape", key, f"file {shapes[key]}, model {wanted[key]}")
                for key in wanted
                if key in shapes and shapes[key] != wanted[key]
            ),
        ]


@functools.lru_cache(maxsize=32)
def make_plan(layout: Layout, config: ViTConfig) -> Plan:
    """Returns the moves between a layout's files and the parameters of a model."""
    shapes = param_shapes(config)
    moves: list[Move] = []
    for rule in layout.rules:
        names = (rule.ours,) if isinstance(rule.ours, str) else rule.ours
        for i in range(config.depth if "{i}" in rule.theirs else 1):
            ours = tuple(name.replace("{i}", str(i)) for name in names)
            live = [name in shapes for name in ours]
            assert all(live) or not any(live), f"{ours} are only partly in the model"
            if all(live):
                theirs = rule.theirs.replace("{i}", str(i))
                moves.append(
                    _place(theirs, ours, rule.pattern, config, shapes[ours[0]])
                )
    filled = Counter(name for move in moves for name in move.ours)
    wrong = {name: filled[name] for name in shapes if filled[name] != 1}
    assert not wrong, f"layout {layout.name} does not fill once each: {wrong}"
    return Plan(layout=layout, shapes=shapes, moves=tuple(moves))


def _place(
    theirs: str, ours: tuple[str, ...], pattern: str, config: ViTConfig, shape: Shape
) -> Move:
    rows, columns = config.patch_shape
    words = {
        "parts": len(ours),
        "rows": rows,
        "columns": columns,
        "channels": config.in_channels,
    }
    used = pattern.replace("(", " ").replace(")", " ").split()
    sizes = tuple((word, size) for word, size in words.items() if word in used)
    shape = _shape_of_theirs(pattern, sizes, len(ours), shape)
    return Move(theirs, shape, ours, pattern, sizes)


@functools.lru_cache(maxsize=256)
def _shape_of_theirs(
    pattern: str, sizes: tuple[tuple[str, int], ...], parts: int, shape: Shape
) -> Shape:
    """Returns the shape of the tensor that holds so many parameters of a shape."""
    move = Move("", (), ("",) * parts, pattern, sizes)
    return move.to_theirs([np.empty(shape, np.bool_)] * parts).shape
