"""TFDS data sets of tfrecord files, made readable at random without TensorFlow."""

import json
import shutil
import struct
from collections.abc import Generator
from pathlib import Path

from tqdm import tqdm

from vit_jax.data.whole_folder import whole_folder
from vit_jax.errors import InputError

INFO = "dataset_info.json"


def is_tfrecord(folder: Path) -> bool:
    """Returns whether a folder is a version of a TFDS data set in tfrecord files."""
    try:
        written = json.loads((folder / INFO).read_text())
        return written.get("fileFormat", "tfrecord") == "tfrecord"
    except (OSError, ValueError, AttributeError):
        return False


def convert_tfrecord(
    folder: Path, target: Path, *, progress: bool = False
) -> dict[str, int]:
    """Writes a data set as array_record files, each example byte for byte.

    Args:
      folder: of a version, such as `mnist/3.0.1`.
      target: folder for the data set, which gets the same version.

    Returns:
      How many images each split has.

    Raises:
      InputError: a file is damaged or missing, or the target exists.
    """
    import tensorflow_datasets as tfds

    splits = tfds.builder_from_directory(folder).info.splits
    total = sum(split.num_examples for split in splits.values())
    with (
        whole_folder(target) as part,
        tqdm(total=total, unit=" images", disable=None if progress else True) as bar,
    ):
        (part / folder.name).mkdir()
        for split in splits.values():
            sizes = zip(split.filepaths, split.shard_lengths, strict=True)
            for source, size in sizes:
                name = Path(source).name.replace(".tfrecord-", ".array_record-")
                _copy_records(Path(source), part / folder.name / name, size, bar)
        _copy_metadata(folder, part / folder.name)
    return {name: split.num_examples for name, split in splits.items()}


def read_records(path: Path) -> Generator[bytes]:
    """Yields the records of a tfrecord file.

    Each is its length (8 bytes), a checksum (4), the record, a checksum (4):
    https://www.tensorflow.org/tutorials/load_data/tfrecord. The checksums (CRC-32C,
    masked) are not compared: Python has no fast one.

    Raises:
      InputError: the file is missing, or ends within a record.
    """
    try:
        with path.open("rb") as file:
            while head := file.read(12):
                size = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else 0
                # A wrong length may be of terabytes, which read() would allocate.
                whole = len(head) == 12 and size <= path.stat().st_size
                record = file.read(size) if whole else b""
                if not whole or len(record) < size or len(file.read(4)) < 4:
                    raise InputError(f"{path} is cut off or damaged: fetch it again.")
                yield record
    except FileNotFoundError as error:
        raise InputError(
            f"there is no file {path}: fetch the data set again."
        ) from error


def _copy_records(source: Path, target: Path, count: int, bar: tqdm) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    writer = ArrayRecordWriter(str(target), "group_size:1")
    written = 0
    try:
        for record in read_records(source):
            writer.write(record)
            written += 1
            bar.update()
    finally:
        writer.close()
    if written != count:
        raise InputError(
            f"{source} has {written} records, and {INFO} says {count}: fetch the data"
            " set again."
        )


def _copy_metadata(source: Path, target: Path) -> None:
    for path in source.iterdir():
        if path.is_file() and ".tfrecord" not in path.name and path.name != INFO:
            shutil.copyfile(path, target / path.name)
    info = json.loads((source / INFO).read_text()) | {"fileFormat": "array_record"}
    (target / INFO).write_text(json.dumps(info, indent=2) + "\n")
