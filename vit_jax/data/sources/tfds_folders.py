"""Where tensorflow-datasets puts a data set, and what is wrong with it there."""

import json
import re
from pathlib import Path
from typing import Any

from vit_jax.errors import InputError, near

VERSION = re.compile(r"\d+\.\d+\.\d+")


def find_folder(name: str, data_dir: Path) -> Path:
    """Returns the folder of a data set's version, the newest if none is named.

    Raises:
      InputError: there is no such data set, or several configurations of it.
    """
    data_dir = data_dir.expanduser()
    base, _, version = name.partition(":")
    folder = data_dir / base
    versions = {path.name: path for path in list_versions(folder)}
    if not versions:
        below = [p for p in folder.glob("*/") if list_versions(p)]
        if len(below) == 1:
            return find_folder(f"{base}/{below[0].name}:{version}", data_dir)
        if below:
            names = ", ".join(f"{base}/{path.name}" for path in sorted(below))
            raise InputError(f"{base} has several configurations: name one of {names}.")
        raise InputError(_not_there(base, data_dir))
    if not version:
        return max(versions.values(), key=lambda path: _numbers(path.name))
    if version not in versions:
        raise InputError(
            f"{folder} has no version {version}. It has: {', '.join(versions)}."
        )
    return versions[version]


def list_names(data_dir: Path) -> list[str]:
    """Returns the names of the data sets prepared in a folder, with configurations."""
    found = [*data_dir.glob("*/*/dataset_info.json")]
    found += data_dir.glob("*/*/*/dataset_info.json")
    folders = {path.parent for path in found if VERSION.fullmatch(path.parent.name)}
    return sorted({str(folder.parent.relative_to(data_dir)) for folder in folders})


def _not_there(name: str, data_dir: Path) -> str:
    names = list_names(data_dir)
    return (
        f"there is no data set {name} in {data_dir}.{near(name, names)} There:"
        f" {', '.join(names) or 'none'}. Images of your own become one by `vit-jax data"
        f" prepare FOLDER {data_dir / name}`, a public one by `tfds build {name}"
        f" --file_format=array_record --data_dir={data_dir}` (needs TensorFlow)."
    )


def list_versions(folder: Path) -> list[Path]:
    """Returns the folder of each version in a data set's folder."""
    found = folder.glob("*/dataset_info.json")
    return sorted(p.parent for p in found if VERSION.fullmatch(p.parent.name))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def open_builder(folder: Path) -> Any:
    """Returns TFDS's builder of a data set that can be read at random.

    Raises:
      InputError: it is damaged, or written in another format.
    """
    import tensorflow_datasets as tfds

    try:
        written = json.loads((folder / "dataset_info.json").read_text())
        if written.get("fileFormat", "tfrecord") == "array_record":
            return tfds.builder_from_directory(folder)
    except (ValueError, KeyError, OSError) as error:
        raise InputError(
            f"{folder} is no whole TFDS data set ({error}). Fetch or prepare it again."
        ) from error
    target = folder.parent.parent / "array_record" / folder.parent.name
    raise InputError(
        f"{folder} was prepared as {written.get('fileFormat', 'tfrecord')}, which is"
        " not read at random. One command mends it, without TensorFlow:\n"
        f"  vit-jax data prepare {folder} {target}\n"
        f"Then {target.parent} is the data_dir."
    )
