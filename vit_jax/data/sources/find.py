"""Which source a path or a name is."""

import dataclasses
from pathlib import Path
from typing import Any

from vit_jax.data.kinds import Kind
from vit_jax.data.sources.arrays import Arrays
from vit_jax.data.sources.digits import Digits
from vit_jax.data.sources.folder import Folder, has_classes
from vit_jax.data.sources.parquet import Parquet
from vit_jax.data.sources.parquet_files import SUFFIXES
from vit_jax.data.sources.tfds import Tfds
from vit_jax.data.sources.tfds_folders import VERSION, list_versions
from vit_jax.data.sources.webdataset import WebDataset
from vit_jax.errors import InputError

Source = Arrays | Digits | Folder | Parquet | Tfds | WebDataset
AT_PATH = {
    "arrays": Arrays,
    "folder": Folder,
    "parquet": Parquet,
    "webdataset": WebDataset,
}


def find_source(
    text: str, *, kind: Kind | None = None, data_dir: Path, **options: Any
) -> Source:
    """Returns the source that a path is, or the name of a TFDS data set.

    Args:
      kind: found out if not given.
      data_dir: where TFDS data sets lie.
      options: fields of the source, such as held_out of a folder.

    Raises:
      InputError: nothing is there, or nothing that is known.
    """
    path, kind = Path(text).expanduser(), kind or find_kind(text, data_dir)
    if kind == "digits":
        return Digits()
    if kind != "tfds":
        kept = {f.name for f in dataclasses.fields(AT_PATH[kind])} & options.keys()
        return AT_PATH[kind](path, **{key: options[key] for key in kept})
    path = path.absolute()
    if list_versions(path):
        return Tfds(path.name, data_dir=path.parent)
    if VERSION.fullmatch(path.name) and path.is_dir():
        dataset = f"{path.parent.name}:{path.name}"
        return Tfds(dataset, data_dir=path.parent.parent)
    return Tfds(text, data_dir=data_dir)


def find_kind(text: str, data_dir: Path) -> Kind:
    """Returns what a path holds; what is no path is the name of a TFDS data set.

    Raises:
      InputError: nothing is there, or nothing that is known.
    """
    path = Path(text).expanduser()
    if text == "digits":
        return "digits"
    if path.suffix == ".tar" and not path.is_dir():
        return "webdataset"
    if path.is_file():
        if path.suffix == ".npz":
            return "arrays"
        if path.suffix in SUFFIXES:
            return "parquet"
    elif path.is_dir():
        found = _kind_of_folder(path.absolute())
        if found:
            return found
        if list_versions(data_dir / text):  # beside a folder that has its name
            return "tfds"
    elif not text.startswith(("/", ".", "~")):
        return "tfds"
    raise InputError(
        f"{text} is no collection of images. Expected a folder of class folders, of a"
        " TFDS data set, of .parquet, .arrow or .tar files, a .npz file, or the name of"
        " a TFDS data set."
    )


def each_split(source: Source, split: str | None = None) -> dict[str, Source]:
    """Returns every part of a collection by its name, or the one asked for."""
    names = (split,) if split else source.splits
    return {name: dataclasses.replace(source, split=name) for name in names}


def _kind_of_folder(path: Path) -> Kind | None:
    if list_versions(path) or (path / "features.json").is_file():
        return "tfds"
    # Before the others, as a million images are slow to look through for a tar.
    if has_classes(path):
        return "folder"
    suffixes = {file.suffix for file in path.rglob("*")}
    if suffixes & set(SUFFIXES):
        return "parquet"
    return "webdataset" if ".tar" in suffixes else None
