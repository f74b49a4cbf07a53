"""One table, both directions, every key accounted for.

`make_plan` lays a `Layout` over a model's parameter names and shapes: rules whose
parameters the model lacks fall away, so that tables have no branches. A `Plan` reads
left to right on import and right to left on export, and rearranges only: what comes
back is bit for bit what came.
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
from vit_jax.weights.layout import CAT, HOLE, Layout

Shape = tuple[int, ...]
Tensors = Mapping[str, NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Move:
    """A rule placed: one tensor of theirs, with the shape it must have."""

    theirs: str
    ours: tuple[str, ...]
    """With HOLE for a part that the model has no parameter for."""
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

    def fill_holes(
        self, params: Tensors, kept: NDArray[Any] | None
    ) -> list[NDArray[Any]]:
        """Returns the arrays of all parts, holes as they were in a tensor, or zero."""
        parts = self.to_ours(kept) if kept is not None else [None] * len(self.ours)
        kind = next(params[name].dtype for name in self.ours if name != HOLE)
        return [
            params[name]
            if name != HOLE
            else (np.zeros(shape, kind) if part is None else part)
            for name, shape, part in zip(self.ours, self.shapes, parts, strict=True)
        ]

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
    config: ViTConfig
    shapes: Mapping[str, Shape]
    moves: tuple[Move, ...]

    def to_ours(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """Returns our parameters, each in the dtype of the tensor that held it.

        Raises:
          ConversionError: a tensor is missing, left over, of another shape, or not what
            the publisher's code computes with; the error lists every one.
        """
        faults = self.find_faults({key: tensors[key].shape for key in tensors})
        if not faults:
            faults = list(self._find_unlike(tensors))
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
            if name != HOLE
        }

    def keep_extras(self, tensors: Tensors) -> dict[str, NDArray[Any]]:
        """Returns what a file has beside the parameters, under the file's names.

        A tensor with a hole is among them where the hole is not zero.
        """
        moved = {move.theirs for move in self.moves}
        kept = {
            key: tensors[key]
            for key in tensors
            if self.layout.is_extra(key) and key not in moved
        }
        for move in self.moves:
            if HOLE in move.ours:
                parts = zip(move.ours, move.to_ours(tensors[move.theirs]), strict=True)
                if any(name == HOLE and part.any() for name, part in parts):
                    kept[move.theirs] = tensors[move.theirs]
        return kept

    def to_theirs(
        self, params: Tensors, extras: Tensors | None = None
    ) -> dict[str, NDArray[Any]]:
        """Returns the layout's tensors: `to_ours` undone, bit for bit.

        Args:
          extras: what `keep_extras` gave; the layout makes what is not there.
        """
        assert params.keys() == self.shapes.keys()
        extras = extras or {}
        kept = {key: extras[key] for key in extras if self.layout.is_extra(key)}
        moved = {
            move.theirs: move.to_theirs(
                move.fill_holes(params, extras.get(move.theirs))
            )
            for move in self.moves
        }
        return {**self.made_extras(), **kept, **moved}

    def made_extras(self, *, fixed: bool = False) -> dict[str, NDArray[Any]]:
        """Returns the extras that the layout makes, or those that it has fixed."""
        return {
            extra.theirs.replace("{i}", str(i)): made
            for extra in self.layout.extras
            if extra.make and (extra.fixed or not fixed)
            if (made := extra.make(self.config)) is not None
            for i in range(self.config.depth if "{i}" in extra.theirs else 1)
        }

    def find_faults(self, shapes: Mapping[str, Shape]) -> list[Fault]:
        """Returns what keeps tensors of these names and shapes from fitting."""
        wanted = {move.theirs: move.shape for move in self.moves}
        ours = {
            key: shape
            for key, shape in shapes.items()
            if key in wanted or not self.layout.is_extra(key)
        }
        return compare_shapes(ours, wanted)

    def _find_unlike(self, tensors: Tensors) -> Iterator[Fault]:
        for key, made in self.made_extras(fixed=True).items():
            if key in tensors and not np.array_equal(
                np.asarray(tensors[key], np.float32), made
            ):
                yield Fault("other", key, "not what a model of this config computes")


@functools.lru_cache(maxsize=32)
def make_plan(layout: Layout, config: ViTConfig) -> Plan:
    """Returns the moves between a layout's files and the parameters of a model.

    Raises:
      ConversionError: the layout has no place for a parameter of the model.
    """
    shapes = param_shapes(config)
    words = _words(config)
    moves: list[Move] = []
    filled: set[str] = set()
    for theirs, ours, pattern in _place(layout, config.depth):
        real = [name for name in ours if name != HOLE]
        if filled.isdisjoint(real) and shapes.keys() >= set(real):
            used = pattern.replace("(", " ").replace(")", " ").split()
            sizes = tuple((word, words[word]) for word in words if word in used)
            of_ours = tuple(shapes[name or real[0]] for name in ours)
            moves.append(Move(theirs, ours, of_ours, pattern, sizes))
            filled.update(real)
    homeless = [Fault("homeless", name) for name in shapes if name not in filled]
    homeless += [
        Fault("other", f"{name}={getattr(config, name)!r}", "its code cannot do that")
        for name, values in layout.lacks.items()
        if getattr(config, name) in values
    ]
    if homeless:
        what = (
            f"the {layout.name} layout has no place for all of this model's parameters"
        )
        raise ConversionError(what, homeless)
    return Plan(layout=layout, config=config, shapes=shapes, moves=tuple(moves))


def _words(config: ViTConfig) -> dict[str, int]:
    """Returns the sizes of axes that patterns name in words."""
    rows, columns = config.patch_shape
    return {
        "rows": rows,
        "columns": columns,
        "channels": config.in_channels,
        "heads": config.num_heads,
        "pool_heads": config.pool_heads or config.num_heads,
    }


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
        if "{i}" not in rule.theirs and "{i}" in rule.names[0]:
            each = tuple(
                n.replace("{i}", str(i)) for i in range(depth) for n in rule.names
            )
            yield rule.theirs, each, rule.pattern
            continue
        for i in range(depth if "{i}" in rule.theirs else 1):
            names = tuple(name.replace("{i}", str(i)) for name in rule.names)
            yield rule.theirs.replace("{i}", str(i)), names, rule.pattern
