"""Data sets that tensorflow-datasets prepared as array_record, without TensorFlow."""

import bisect
import dataclasses
import functools
import itertools
import os
import re
from pathlib import Path
from typing import Any

from vit_jax.data.sources.protocol import Example
from vit_jax.data.sources.statistics import find_statistics
from vit_jax.data.sources.tfds_folders import find_folder, open_builder
from vit_jax.errors import InputError
from vit_jax.pixels import Pixels

DATA_DIR = Path("~/tensorflow_datasets")


@dataclasses.dataclass(frozen=True)
class _Opened:
    records: Any
    """Gives the features of an example by its index, the image still encoded."""
    image_key: str
    label_key: str
    channels: int
    class_names: tuple[str, ...]
    shards: tuple[tuple[str, int], ...]
    """Name of each file, and its first record that counts."""
    starts: tuple[int, ...]
    """Index of each file's first example."""


@dataclasses.dataclass(frozen=True)
class Tfds:
    """A prepared data set by its name: `mnist`, `NAME/CONFIG`, `NAME:1.0.0`.

    It was written by `vit-jax data prepare`, or by `tfds build NAME
    --file_format=array_record`. Without a version the newest counts. A split may be a
    part or a sum: `train[:90%]`, `train[10%:]`, `train+test`.
    """

    dataset: str
    split: str = "train"
    data_dir: Path = DATA_DIR
    image_key: str | None = dataclasses.field(default=None, kw_only=True)
    """Of the features; the only image if not given, or that named image."""
    label_key: str | None = dataclasses.field(default=None, kw_only=True)
    """Of the features; the only label if not given, or that named label."""
    statistics: Pixels | None = dataclasses.field(default=None, kw_only=True)
    """Of the pixels; where not given what is known, else ImageNet's, or half."""

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._opened.class_names

    @property
    def pixels(self) -> Pixels:
        name = re.split(r"[/:]", self.dataset)[0]
        return self.statistics or find_statistics(name, self._opened.channels)

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(open_builder(find_folder(self.dataset, self.data_dir)).info.splits)

    def __len__(self) -> int:
        return len(self._opened.records)

    def __getitem__(self, index: int) -> Example:
        opened = self._opened
        features = self._read(index)
        label = int(features[opened.label_key])
        if not 0 <= label < len(opened.class_names):
            raise InputError(
                f"{self.name(index)} has the label {label}, which is none of the"
                f" {len(opened.class_names)} classes. TFDS writes -1 where labels are"
                " not published: choose another split."
            )
        return {"image": features[opened.image_key], "label": label}

    def name(self, index: int) -> str:
        """Returns the shard and the record in it, and the file name if there is one."""
        opened = self._opened
        shard = bisect.bisect_right(opened.starts, index) - 1
        file, first = opened.shards[shard]
        place = f"{file}[{index - opened.starts[shard] + first}]"
        try:
            told = self._opened.records[index].get("file_name", b"")
        except Exception:  # array_record and protobuf raise what they please
            told = b""
        return f"{place} ({os.fsdecode(told)})" if told else place

    def _read(self, index: int) -> dict[str, Any]:
        try:
            return self._opened.records[index]
        except Exception as error:  # array_record and protobuf raise what they please
            raise InputError(
                f"{self.name(index)} of {self.dataset} in {self.data_dir} cannot be"
                f" read ({error}). Fetch or prepare the data set again."
            ) from error

    @functools.cached_property
    def _opened(self) -> _Opened:
        return _open(self)


def _open(source: Tfds) -> _Opened:
    import tensorflow_datasets as tfds

    folder = find_folder(source.dataset, source.data_dir)
    builder = open_builder(folder)
    features, splits = builder.info.features, builder.info.splits
    kinds = tfds.features.Image, tfds.features.ClassLabel
    image_key, label_key = (
        _choose_key(key, word, features, kind, folder)
        for key, word, kind in zip(
            (source.image_key, source.label_key), ("image", "label"), kinds, strict=True
        )
    )
    skip = {k: tfds.decode.SkipDecoding() for k in features if k != label_key}
    try:
        files = splits[source.split].file_instructions
        if sum(file.take for file in files) < 1:
            raise ValueError("no image is in it")
        records = builder.as_data_source(source.split, decoders=skip)
    except ValueError as error:
        sizes = (f"{k} ({split.num_examples} images)" for k, split in splits.items())
        raise InputError(
            f"split={source.split!r} is no part of {folder}"
            f" ({str(error).splitlines()[0]}). It has {', '.join(sizes)}; parts and"
            " sums are written train[:90%], train[10%:], train+test."
        ) from error
    _refuse_missing([Path(file.filename) for file in files], folder)
    return _Opened(
        records=records,
        image_key=image_key,
        label_key=label_key,
        channels=features[image_key].shape[-1],
        class_names=tuple(features[label_key].names),
        shards=tuple((Path(file.filename).name, file.skip) for file in files),
        starts=tuple(itertools.accumulate((f.take for f in files), initial=0))[:-1],
    )


def _choose_key(
    given: str | None, word: str, features: Any, kind: Any, folder: Path
) -> str:
    """Returns which feature is the image, or the label."""
    fits = [key for key, feature in features.items() if isinstance(feature, kind)]
    if given in fits or (given is None and len(fits) == 1):
        return given or fits[0]
    if given is None and word in fits:
        return word
    raise InputError(
        f"{folder} has {', '.join(fits) or 'no feature'} of the kind {kind.__name__}"
        f" ({word}_key={given!r}); all its features: {', '.join(features)}. Name one"
        f" with {word}_key."
    )


def _refuse_missing(files: list[Path], folder: Path) -> None:
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise InputError(
            f"{folder} lacks {missing[0]} and {len(missing) - 1} more of its"
            f" {len(files)} files. Fetch or prepare the data set again."
        )
