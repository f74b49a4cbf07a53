"""What was found in a source, in words and in fields.

Axes: n images.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32

SHOWN = 10


class Sizes(NamedTuple):
    """In pixels."""

    smallest: int
    median: int
    largest: int


@dataclasses.dataclass(frozen=True)
class Duplicate:
    """Images that are the same, byte for byte."""

    splits: tuple[str, ...]
    names: tuple[str, ...]
    labels_agree: bool


@dataclasses.dataclass(frozen=True)
class SplitReport:
    """What a split holds."""

    images: int
    labels: Int32[np.ndarray, " n"]
    """Of each image; -1 where it cannot be read."""
    per_class: tuple[int, ...]
    rows: Sizes
    columns: Sizes
    formats: dict[str, int]
    broken: tuple[tuple[str, str], ...]
    """Name and fault of each."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What a source holds."""

    class_names: tuple[str, ...]
    splits: dict[str, SplitReport]
    duplicates: tuple[Duplicate, ...]

    @property
    def ok(self) -> bool:
        """Whether every image can be used."""
        return not any(split.broken for split in self.splits.values())

    def to_fields(self) -> dict[str, Any]:
        """Returns the report as what JSON holds."""
        splits = {
            name: {
                "images": split.images,
                "per_class": dict(zip(self.class_names, split.per_class, strict=True)),
                "rows": split.rows._asdict(),
                "columns": split.columns._asdict(),
                "formats": split.formats,
                "broken": [list(pair) for pair in split.broken],
            }
            for name, split in self.splits.items()
        }
        duplicates = [dataclasses.asdict(found) for found in self.duplicates]
        return {"ok": self.ok, "splits": splits, "duplicates": duplicates}

    def __str__(self) -> str:
        lines = [*self._table(), *self._classes(), *self._broken(), *self._duplicates()]
        return "\n".join(lines)

    def _table(self) -> Iterator[str]:
        line = "{:<12} {:>10} {:>7}  {:<18} {:<18} {}"
        yield line.format("split", "images", "broken", "rows", "columns", "formats")
        for name, split in self.splits.items():
            formats = ", ".join(f"{kind} {n:,}" for kind, n in split.formats.items())
            sizes = [_span(split.rows), _span(split.columns)]
            counts = [f"{split.images:,}", len(split.broken)]
            yield line.format(name, *counts, *sizes, formats)

    def _classes(self) -> Iterator[str]:
        for name, split in self.splits.items():
            counts = np.array(split.per_class)
            least, most = int(counts.argmin()), int(counts.argmax())
            yield (
                f"{name}: {len(counts)} classes, {counts.min():,} images"
                f" ({self.class_names[least]}) to {counts.max():,}"
                f" ({self.class_names[most]}), median {int(np.median(counts)):,}"
            )

    def _broken(self) -> Iterator[str]:
        broken = [pair for split in self.splits.values() for pair in split.broken]
        if broken:
            yield f"{len(broken):,} broken images:"
            yield from (f"  {name}: {fault}" for name, fault in broken[:SHOWN])
            yield from _more(len(broken))

    def _duplicates(self) -> Iterator[str]:
        across = [d for d in self.duplicates if len(set(d.splits)) > 1]
        within = [d for d in self.duplicates if len(set(d.splits)) == 1]
        differing = sum(not d.labels_agree for d in self.duplicates)
        for found, where in ((across, "in several splits"), (within, "within a split")):
            if found:
                yield f"{len(found):,} images are there more than once {where}:"
                yield from (f"  {' = '.join(d.names)}" for d in found[:SHOWN])
                yield from _more(len(found))
        if differing:
            yield f"{differing:,} of them have different labels"


def _span(sizes: Sizes) -> str:
    if sizes.smallest == sizes.largest:
        return str(sizes.median)
    return f"{sizes.smallest} / {sizes.median} / {sizes.largest}"


def _more(count: int) -> Iterator[str]:
    if count > SHOWN:
        yield f"  and {count - SHOWN:,} more; --json tells all"
