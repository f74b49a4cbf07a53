"""Image data sets in Hugging Face's form: parquet or arrow files.

Axes: n images, g groups of rows that are read together.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32, Int64

from vit_jax.data.sources.labels import (
    Classes,
    check_labels,
    find_classes,
    index_labels,
)
from vit_jax.data.sources.parquet_files import (
    Columns,
    choose_columns,
    list_files,
    list_groups,
    read_group,
    read_labels,
)
from vit_jax.data.sources.protocol import Example
from vit_jax.data.sources.splits import choose_split
from vit_jax.errors import InputError
from vit_jax.pixels import IMAGENET, Pixels


@dataclasses.dataclass(frozen=True)
class _Index:
    files: tuple[Path, ...]
    columns: Columns
    group_starts: Int64[np.ndarray, " g"]
    """Index of the first image of each group."""
    group_places: Int64[np.ndarray, "g 2"]
    """File, and number of the group in it."""
    labels: Int32[np.ndarray, " n"]
    class_names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Parquet:
    """A folder (or a file) of .parquet or .arrow files, as Hugging Face has them.

    Splits are told by the names of files or folders (`train-00000-of-00002.parquet`,
    `test/`). Arrow files are mapped and cost nothing. Parquet is read by groups of
    rows, of which a few are kept: read in order it is fast, at random each image costs
    a group, often of 100 images. To train on it, `vit-jax data prepare` it once.
    """

    path: Path
    split: str = "train"
    image_key: str | None = dataclasses.field(default=None, kw_only=True)
    """Column of the images; found by its type if not given."""
    label_key: str | None = dataclasses.field(default=None, kw_only=True)
    """Column of the labels; found by its type if not given, or that named label."""
    statistics: Pixels | None = dataclasses.field(default=None, kw_only=True)
    """Of the pixels; ImageNet's if not given."""

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._index.class_names

    @property
    def pixels(self) -> Pixels:
        return self.statistics or IMAGENET

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(list_files(self.path))

    @property
    def group_starts(self) -> Int64[np.ndarray, " g"]:
        """Index of the first image of each group of images that are read together."""
        return self._index.group_starts

    def __len__(self) -> int:
        return len(self._index.labels)

    def __getitem__(self, index: int) -> Example:
        found = self._read(index)
        cell = {"bytes": found} if isinstance(found, bytes) else found
        if cell and cell.get("bytes"):
            image: bytes = cell["bytes"]
        elif cell and cell.get("path"):
            image = self._read_beside(str(cell["path"]), index)
        else:
            raise InputError(f"{self.name(index)} has no image: give it one.")
        return {"image": image, "label": int(self._index.labels[index])}

    def name(self, index: int) -> str:
        """Returns the file and the row in it."""
        file, _, _ = self._place(index)
        places = self._index.group_places[:, 0]
        first = self._index.group_starts[np.searchsorted(places, file)]
        return f"{self._index.files[file]}[{index - first}]"

    def _place(self, index: int) -> tuple[int, int, int]:
        """Returns the file, the group in it and the row in that of an image."""
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} images, and none is {index}")
        starts = self._index.group_starts
        at = int(np.searchsorted(starts, index, side="right")) - 1
        file, group = self._index.group_places[at]
        return int(file), int(group), index - int(starts[at])

    def _read(self, index: int) -> Any:
        file, group, row = self._place(index)
        path, key = self._index.files[file], self._index.columns.image
        return read_group(path, group, key)[row].as_py()

    def _read_beside(self, path: str, index: int) -> bytes:
        folder = self.path if self.path.is_dir() else self.path.parent
        try:
            return (folder / path).read_bytes()
        except OSError as error:
            raise InputError(
                f"{self.name(index)} names the file {path}, which cannot be read"
                f" ({error.strerror}): put it into {folder}."
            ) from error

    @functools.cached_property
    def _index(self) -> _Index:
        return _make_index(self)


def _make_index(source: Parquet) -> _Index:
    by_split = list_files(source.path)
    files = by_split[choose_split(source.split, tuple(by_split), source.path)]
    columns = choose_columns(files[0], source.image_key, source.label_key)
    labels = [read_labels(path, columns) for path in files]
    flat = np.concatenate(labels) if labels else np.empty(0)
    if not len(flat):
        raise InputError(f"{source.path} has no rows in its split {source.split!r}.")
    # Where the schema names no classes, those of all splits count: a test split may
    # lack some.
    others = [p for name in by_split for p in by_split[name] if p not in files]
    names = columns.class_names
    if names is None:
        found = {str(label) for label in flat.tolist()}
        for path in others:
            found |= {str(label) for label in read_labels(path, columns).tolist()}
        classes = find_classes(found, source.path, source.path)
    else:
        classes = Classes(names, numeric=True)
    if flat.dtype.kind in "iu":
        indices = check_labels(flat.astype(np.int64), classes.names, source.path)
    else:
        indices = index_labels([str(x) for x in flat.tolist()], classes, source.path)
    groups = [(f, g, n) for f, path in enumerate(files) for g, n in list_groups(path)]
    sizes = np.array([n for _, _, n in groups], np.int64)
    return _Index(
        tuple(files),
        columns,
        np.cumsum(sizes) - sizes,
        np.array([(f, g) for f, g, _ in groups], np.int64),
        indices,
        classes.names,
    )
