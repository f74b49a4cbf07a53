"""Any source written as a TFDS data set of array_record files, without TensorFlow."""

import dataclasses
import io
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from vit_jax.data.sources.protocol import Example, ImageSource
from vit_jax.data.sources.tfds import Tfds
from vit_jax.data.whole_folder import whole_folder
from vit_jax.errors import InputError

VERSION = "1.0.0"
SHARD_BYTES = 2**28
READ_AT_ONCE = 256


def prepare(
    sources: Mapping[str, ImageSource],
    target: Path,
    *,
    num_threads: int = 4,
    progress: bool = False,
) -> dict[str, int]:
    """Writes the splits of a source as the data set DATA_DIR/NAME, whole or not at all.

    Image files are kept byte for byte, pixels become PNG. The order is drawn anew, the
    same each time: a part such as `train[:10%]` is a fair sample. `Tfds(NAME,
    data_dir=DATA_DIR)` and tensorflow_datasets open it.

    Returns:
      How many images each split has.

    Raises:
      InputError: the target exists or its name is none for TFDS, splits have different
        classes, or an image cannot be read.
    """
    _check_name(target.name)
    class_names = _check_classes(sources)
    total = sum(len(source) for source in sources.values())
    with whole_folder(target) as part:
        folder = part / VERSION
        folder.mkdir()
        features = _make_features(next(iter(sources.values())), class_names)
        infos: list[Any] = []
        with tqdm(
            total=total, unit=" images", disable=None if progress else True
        ) as bar:
            for split, source in sources.items():
                writing = _Split(split, source, folder, target.name, features)
                infos.append(writing.write(num_threads, bar))
        _write_metadata(folder, features, infos, total)
        _read_again(sources, part)
    return {split: len(source) for split, source in sources.items()}


@dataclasses.dataclass(frozen=True)
class _Split:
    """One split on its way into files."""

    name: str
    source: ImageSource
    folder: Path
    dataset: str
    features: Any

    def write(self, num_threads: int, bar: tqdm) -> Any:
        """Returns TFDS's description of the split, written."""
        import tensorflow_datasets as tfds
        from array_record.python.array_record_module import ArrayRecordWriter

        template = tfds.core.ShardedFileTemplate(
            dataset_name=self.dataset,
            split=self.name,
            filetype_suffix="array_record",
            data_dir=tfds.core.Path(self.folder),
        )
        order = draw_order(self.source)
        count = self._num_shards(order)
        lengths: list[int] = []
        num_bytes = 0
        for number, indices in enumerate(np.array_split(order, count)):
            path = template.sharded_filepath(shard_index=number, num_shards=count)
            writer = ArrayRecordWriter(str(path), "group_size:1")
            try:
                for record in self._records(indices.tolist(), num_threads):
                    writer.write(record)
                    num_bytes += len(record)
                    bar.update()
            finally:
                writer.close()
            lengths.append(len(indices))
        return tfds.core.SplitInfo(
            name=self.name,
            shard_lengths=lengths,
            num_bytes=num_bytes,
            filename_template=template,
        )

    def _num_shards(self, order: Any) -> int:
        """Returns into how many files the split goes, by the size of some images."""
        some = [len(self._record(i)) for i in order[:64].tolist()]
        return max(1, round(np.mean(some) * len(order) / SHARD_BYTES))

    def _records(self, indices: list[int], num_threads: int) -> Iterator[bytes]:
        with ThreadPoolExecutor(num_threads) as pool:
            for start in range(0, len(indices), READ_AT_ONCE):
                yield from pool.map(self._record, indices[start : start + READ_AT_ONCE])

    def _record(self, index: int) -> bytes:
        example = self.source[index]
        values = {
            "image": encode(example),
            "label": example["label"],
            "file_name": os.fsencode(short_name(self.source, index)),
        }
        return self.features.serialize_example(self.features.encode_example(values))


def draw_order(source: ImageSource) -> Any:
    """Returns the indices of a source in a drawn order, the same each time.

    What can only be read by groups keeps them together.
    """
    rng = np.random.default_rng(0)
    starts = getattr(source, "group_starts", None)
    if starts is None:
        return rng.permutation(len(source))
    groups = np.split(np.arange(len(source)), starts[1:])
    drawn = [rng.permutation(groups[i]) for i in rng.permutation(len(groups))]
    return np.concatenate(drawn)


def encode(example: Example) -> bytes:
    """Returns the image file of an example; pixels as PNG.

    Raises:
      InputError: pixels of other than 1, 3 or 4 channels.
    """
    image = example["image"]
    if isinstance(image, bytes):
        return image
    if image.shape[-1] not in (1, 3, 4):
        raise InputError(
            f"pixels of shape {image.shape} have {image.shape[-1]} channels, and PNG"
            " holds 1, 3 or 4."
        )
    out = io.BytesIO()
    pixels = image[:, :, 0] if image.shape[-1] == 1 else image
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG")
    return out.getvalue()


def short_name(source: ImageSource, index: int) -> str:
    """Returns the name of an image without the place of the collection."""
    name = source.name(index)
    return name.removeprefix(f"{getattr(source, 'path', '')}").lstrip("/ :")


def _make_features(source: ImageSource, class_names: tuple[str, ...]) -> Any:
    import tensorflow_datasets as tfds

    image = source[0]["image"]
    channels = len(source.pixels.mean)
    shape = (None, None, channels) if isinstance(image, bytes) else image.shape
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=shape),
            "label": tfds.features.ClassLabel(names=list(class_names)),
            "file_name": tfds.features.Text(),
        }
    )


def _write_metadata(folder: Path, features: Any, infos: list[Any], total: int) -> None:
    import tensorflow_datasets as tfds

    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=features,
        split_infos=infos,
        version=VERSION,
        description=f"{total} images in {features['label'].num_classes} classes.",
        check_data=False,  # by TensorFlow
    )


def _read_again(sources: Mapping[str, ImageSource], folder: Path) -> None:
    """Refuses what does not read as what was written; a disk may tell lies."""
    for split, source in sources.items():
        written = Tfds(folder.name, split, folder.parent)
        order = draw_order(source)
        assert len(written) == len(order)
        assert written.class_names == source.class_names
        for place in {0, len(order) // 2, len(order) - 1}:
            example = source[int(order[place])]
            whole = {"image": encode(example), "label": example["label"]}
            if written[place] != whole:
                raise OSError(f"{folder}: what was written does not read back the same")


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        mended = re.sub(r"\W+", "_", name.lower()).strip("_0123456789") or "images"
        raise InputError(
            f"{name!r} is no name for a TFDS data set, which has small letters, digits"
            f" and underscores, such as {mended}."
        )


def _check_classes(sources: Mapping[str, ImageSource]) -> tuple[str, ...]:
    """Returns the class names that all splits have."""
    names = {split: source.class_names for split, source in sources.items()}
    first, *others = names.items()
    for split, other in others:
        if other != first[1]:
            raise InputError(
                f"{first[0]} has {len(first[1])} classes and {split} others"
                f" ({len(other)}): the splits of a data set have the same."
            )
    return first[1]
