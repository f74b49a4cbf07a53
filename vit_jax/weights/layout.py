"""What a layout is: a publisher's names and axes, as a table."""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from numpy.typing import NDArray

from vit_jax.config import ViTConfig

CAT = "cat"
HOLE = ""


@dataclasses.dataclass(frozen=True)
class Rule:
    """One tensor of a file and the parameter it holds, or the several fused in it.

    The pattern is einops', from their axes to ours. Axes whose size the config gives
    are words (`rows columns channels heads`), the rest letters. `cat` is the axis along
    which several parameters are one after another, of whatever sizes ours have; where
    our side lacks it, each is one slice. `{i}` in `ours` alone stands for all blocks. A
    HOLE among the parameters is a part that a model has none for: as long as the first
    one, zero where no file gave it.
    """

    theirs: str
    ours: str | tuple[str, ...]
    pattern: str = "... -> ..."

    @property
    def names(self) -> tuple[str, ...]:
        """Our parameters' names, with HOLE."""
        return (self.ours,) if isinstance(self.ours, str) else self.ours


@dataclasses.dataclass(frozen=True)
class Extra:
    """A tensor beside the model's that a publisher's files have, such as a mask token.

    It is kept with the weights and written back. `theirs` may have `{i}`, or `*` for
    any rest of a name. Where none was kept, `make` gives it, unless it is or gives
    None.
    `fixed` tensors are what the publisher's code computes with: a file with others
    holds another model.
    """

    theirs: str
    make: Callable[[ViTConfig], NDArray[Any] | None] | None = None
    fixed: bool = False


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

    `fixed` are fields of ViTConfig that have one value in the publisher's code, `usual`
    those that its models mostly have: neither can be seen in a file. A value may be a
    function of the fields that can.
    """

    name: str
    title: str
    """Whose files these are, in words."""
    rules: tuple[Rule, ...]
    extras: tuple[Extra, ...] = ()
    stages: tuple[Stage, ...] = ()
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    usual: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    lacks: Mapping[str, tuple[Any, ...]] = dataclasses.field(
        default_factory=dict[str, Any]
    )
    """Values of fields that the publisher's code cannot compute."""
    values: Mapping[str, Callable[[NDArray[Any]], dict[str, Any]]] = dataclasses.field(
        default_factory=dict[str, Any]
    )
    """What the numbers of a tensor tell: key to fields of ViTConfig."""

    def __hash__(self) -> int:
        return hash(self.name)

    def is_extra(self, key: str) -> bool:
        """Returns whether a key is of a tensor that stands beside the model's."""
        pattern = _extras_pattern(self)
        return pattern is not None and pattern.fullmatch(key) is not None


Entry = TypeVar("Entry", Rule, Extra, Stage)


def prefixed(
    prefix: str, entries: tuple[Entry, ...], *, but: tuple[str, ...] = ()
) -> tuple[Entry, ...]:
    """Returns a table with a word before all names but those that begin so."""
    return tuple(
        entry
        if entry.theirs.startswith(but)
        else dataclasses.replace(entry, theirs=prefix + entry.theirs)
        for entry in entries
    )


def renamed(entries: tuple[Entry, ...], *pairs: tuple[str, str]) -> tuple[Entry, ...]:
    """Returns a table with parts of their names written otherwise."""

    def rename(theirs: str) -> str:
        for old, new in pairs:
            theirs = theirs.replace(old, new)
        return theirs

    return tuple(
        dataclasses.replace(entry, theirs=rename(entry.theirs)) for entry in entries
    )


@functools.cache
def _extras_pattern(layout: Layout) -> re.Pattern[str] | None:
    words = (re.escape(extra.theirs) for extra in layout.extras)
    each = [w.replace(r"\{i\}", r"\d+").replace(r"\*", ".*") for w in words]
    return re.compile("|".join(each)) if each else None
