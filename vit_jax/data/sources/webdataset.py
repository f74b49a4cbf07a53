"""Images in tar shards, as webdataset has them: `0001.jpg` beside `0001.cls`.

Axes: n images.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from jaxtyping import Int32, Int64

from vit_jax.data.sources.labels import find_classes, index_labels
from vit_jax.data.sources.names import Names
from vit_jax.data.sources.protocol import Example
from vit_jax.data.sources.splits import choose_split
from vit_jax.data.sources.tar_shards import index_shards, list_shards
from vit_jax.errors import InputError
from vit_jax.pixels import IMAGENET, Pixels


@dataclasses.dataclass(frozen=True)
class _Index:
    shards: tuple[Path, ...]
    places: Int64[np.ndarray, "n 3"]
    """Shard, first byte and size of each image."""
    names: Names
    labels: Int32[np.ndarray, " n"]
    class_names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class WebDataset:
    """Tar shards: a folder, one file, or a pattern, `shard-{000000..000146}.tar`.

    Members of one name up to its first dot are one example: an image, and its label in
    `.cls` or in `.json` as label or cls; without either, the folder in the tar is the
    class. Labels are indices, named by a `classes.txt` beside the shards, or names.
    Splits are told by the names of shards or folders.

    The shards are read through once; where each image lies is kept in a file beside
    them, and a shard that changed is read again.
    """

    path: Path
    split: str = "train"
    cache: Path | None = dataclasses.field(default=None, kw_only=True)
    """File for what was indexed; `.vit_jax_index.npz` beside the shards without it."""
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
        return tuple(list_shards(self.path))

    def __len__(self) -> int:
        return len(self._index.labels)

    def __getitem__(self, index: int) -> Example:
        shard, offset, size = self._index.places[index].tolist()
        path = self._index.shards[shard]
        # Opened each time: it takes 10 us, and any number of threads and shards can.
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(offset)
                image = file.read(size)
        except OSError as error:
            raise InputError(
                f"{self.name(index)} cannot be read ({error.strerror}): it was there"
                " when the shard was indexed; look at the disk."
            ) from error
        if len(image) < size:
            raise InputError(f"{self.name(index)} is cut off: fetch the shard again.")
        return {"image": image, "label": int(self._index.labels[index])}

    def name(self, index: int) -> str:
        """Returns the shard and the name of the image in it."""
        shard = self._index.shards[self._index.places[index, 0]]
        return f"{shard}: {self._index.names[index]}"

    @functools.cached_property
    def _index(self) -> _Index:
        return _make_index(self)


def _make_index(source: WebDataset) -> _Index:
    by_split = list_shards(source.path)
    chosen = by_split[choose_split(source.split, tuple(by_split), source.path)]
    # All splits: a test split may lack classes, and is to count them alike.
    shards = [path for paths in by_split.values() for path in paths]
    found = index_shards(shards, source.cache)
    folder = source.path if source.path.is_dir() else source.path.parent
    words = {label for entries in found.values() for label in entries.labels}
    classes = find_classes(words, folder, source.path)
    own = [found[path] for path in chosen]
    if not any(entries.labels for entries in own):
        raise InputError(f"{source.path} has no images in its split {source.split!r}.")
    numbers = np.repeat(np.arange(len(own)), [len(entries.labels) for entries in own])
    places = np.concatenate([entries.places for entries in own])
    return _Index(
        tuple(chosen),
        np.concatenate([numbers[:, None], places], axis=1).astype(np.int64),
        Names(name for entries in own for name in entries.names),
        index_labels(
            [label for entries in own for label in entries.labels], classes, source.path
        ),
        classes.names,
    )
