"""One table, both directions, every key accounted for.

A `Layout` is a table of `Rule`s, one a tensor of a publisher's files. `make_plan` lays
it over a model's parameter names and shapes: rules whose parameters the model lacks
fall away, so that tables have no branches. A `Plan` reads left to right on import and
right to left on export, and rearranges only: what comes back is bit for bit what came.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from einops import rearrange
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.model.params import param_shapes
from vit_jax.weights.faults import ConversionError, Fault, compare_shapes

Shape = tuple[int, ...]
Tensors = Mapping[str, NDArray[Any]]

CAT = "cat"


@dataclasses.dataclass(frozen=True)
class Rule:
    """One tensor of a file and the parameter it holds, or the several fused in it.

    The pattern is einops', from their axes to ours. Axes whose size the config gives
    are words (`rows columns channels`), the rest letters. `cat` is the axis along which
    several parameters are one after another, of whatever sizes ours have; where our
    side lacks it, each is one slice. `{i}` in `ours` alone stands for all blocks.
    """

    theirs: str
    ours: str | tuple[str, ...]
    pattern: str = "... -> ..."


@dataclasses.dataclass(frozen=True)
class Stage:
    """Where a reference module holds what a stage of ours gives, for the parity check.

    `theirs` is the path of a submodule ("" for the whole), whose output counts, or its
    first input if `side` says so; `pattern` takes its axes to ours. Beside `{i}` a path
    may have `{next}`, the block after it, and a name `{last}`, the last block.
    """

    ours: str
    theirs: str
    side: str = "output"
    pattern: str = "... -> ..."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """The names and axes of one publisher's files; `{i}` is a block's index.

    Of several rules for one parameter the first that a model has all parameters of
    counts: where a bias of q, k and v is one tensor, but one of q and v is two, the one
    stands above the two.
    """

    name: str
    rules: tuple[Rule, ...]
    stages: tuple[Stage, ...] = ()


@dataclasses.dataclass(frozen=True)
class Move:
    """A rule placed: one tensor of theirs, with the shape it must have."""

    theirs: str
    ours: tuple[str, ...]
    shapes: tuple[Shape, ...]
    """Of ours."""
    pattern: str
    sizes: tuple[tuple[str, int], ...]

    @property
    def shape(self) -> Shape:
        """Of theirs."""
        return _shape_of_theirs(self.pattern, self.sizes, self.shapes)

    def to_ours(self, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        """Returns the parameters in a tensor."""
        theirs, ours, axis = self._sides()
        pieces = [tensor]
        if axis is not None:
            place = ours.split().index(CAT) if CAT in ours.split() else None
            sizes = [1 if place is None else shape[place] for shape in self.shapes]
            pieces = np.split(tensor, np.cumsum(sizes)[:-1], axis=axis)
        pattern = f"{theirs} -> {ours}"
        return [rearrange(piece, pattern, **dict(self.sizes)) for piece in pieces]

    def to_theirs(self, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        """Returns the tensor that holds the parameters."""
        theirs, ours, axis = self._sides()
        pattern = f"{ours} -> {theirs}"
        pieces = [rearrange(array, pattern, **dict(self.sizes)) for array in arrays]
        return pieces[0] if axis is None else np.concatenate(pieces, axis=axis)

    def _sides(self) -> tuple[str, str, int | None]:
        """Returns their axes and ours, and which of theirs is `cat`, if one is."""
        theirs, ours = (side.strip() for side in self.pattern.split("->"))
        axes = theirs.split()
        if CAT not in axes:
            return theirs, ours, None
        if CAT not in ours.split():
            theirs = " ".join("1" if axis == CAT else axis for axis in axes)
        return theirs, ours, axes.index(CAT)


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
        return compare_shapes(shapes, wanted)


@functools.lru_cache(maxsize=32)
def make_plan(layout: Layout, config: ViTConfig) -> Plan:
    """Returns the moves between a layout's files and the parameters of a model.

    Raises:
      ConversionError: the layout has no place for a parameter of the model.
    """
    shapes = param_shapes(config)
    rows, columns = config.patch_shape
    words = {"rows": rows, "columns": columns, "channels": config.in_channels}
    moves: list[Move] = []
    filled: set[str] = set()
    for theirs, ours, pattern in _place(layout, config.depth):
        if filled.isdisjoint(ours) and shapes.keys() >= set(ours):
            used = pattern.replace("(", " ").replace(")", " ").split()
            sizes = tuple((word, words[word]) for word in words if word in used)
            of_ours = tuple(shapes[name] for name in ours)
            moves.append(Move(theirs, ours, of_ours, pattern, sizes))
            filled.update(ours)
    homeless = [Fault("homeless", name) for name in shapes if name not in filled]
    if homeless:
        what = (
            f"the {layout.name} layout has no place for all of this model's parameters"
        )
        raise ConversionError(what, homeless)
    return Plan(layout=layout, shapes=shapes, moves=tuple(moves))


@functools.lru_cache(maxsize=1024)
def _shape_of_theirs(
    pattern: str, sizes: tuple[tuple[str, int], ...], shapes: tuple[Shape, ...]
) -> Shape:
    """Returns the shape of the tensor that holds parameters of these shapes."""
    move = Move("", ("",) * len(shapes), shapes, pattern, sizes)
    return move.to_theirs([np.empty(shape, np.bool_) for shape in shapes]).shape


def _place(layout: Layout, depth: int) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yields each rule's keys for each block, or for all blocks at once."""
    for rule in layout.rules:
        ours = (rule.ours,) if isinstance(rule.ours, str) else rule.ours
        if "{i}" not in rule.theirs and "{i}" in ours[0]:
            each = tuple(n.replace("{i}", str(i)) for i in range(depth) for n in ours)
            yield rule.theirs, each, rule.pattern
            continue
        for i in range(depth if "{i}" in rule.theirs else 1):
            names = tuple(name.replace("{i}", str(i)) for name in ours)
            yield rule.theirs.replace("{i}", str(i)), names, rule.pattern
