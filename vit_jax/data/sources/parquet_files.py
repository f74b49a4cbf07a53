"""Parquet and arrow files of images: what lies in them, and their rows by groups."""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.data.sources.splits import group_by_split
from vit_jax.errors import InputError

SUFFIXES = (".parquet", ".arrow")
GROUPS_KEPT = 8  # of parquet, decoded; Hugging Face writes 10 to 50 MB each


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which columns of a file are images and labels."""

    image: str
    label: str
    class_names: tuple[str, ...] | None
    """Where the schema tells them."""


def list_files(path: Path) -> dict[str, list[Path]]:
    """Returns the files of each split below a folder, or a file as one split.

    Raises:
      InputError: there are none.
    """
    if path.is_file():
        return group_by_split([path], path.parent)
    found = [p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file()]
    # Hugging Face keeps what it computed beside what it read.
    files = [p for p in found if not p.name.startswith((".", "cache-", "tmp"))]
    if not files:
        raise InputError(
            f"{path} has no .parquet or .arrow files: give a folder that has, or one"
            " such file."
        )
    return group_by_split(files, path)


def choose_columns(path: Path, image: str | None, label: str | None) -> Columns:
    """Returns the columns of images and labels, by what the schema says of them.

    Raises:
      InputError: there are none, or several and none is named so.
    """
    schema = _read_schema(path)
    features = _read_features(schema)
    kinds = {name: f.get("_type") for name, f in features.items()}
    images = [name for name, kind in kinds.items() if kind == "Image"]
    images = images or [field.name for field in schema if _may_be_image(field)]
    labels = [name for name, kind in kinds.items() if kind == "ClassLabel"]
    labels = labels or [n for n in schema.names if "label" in n or n in ("cls", "y")]
    key = _choose(path, "label", label, labels, schema)
    names = features.get(key, {}).get("names")
    return Columns(
        _choose(path, "image", image, images, schema),
        key,
        tuple(names) if isinstance(names, list) else None,
    )


def read_labels(path: Path, columns: Columns) -> NDArray[Any]:
    """Returns the labels of every row of a file."""
    parquet = _pyarrow(path)
    try:
        if path.suffix == ".arrow":
            table = _map_arrow(path)
        else:
            table = parquet.read_table(path, columns=[columns.label])
        column = table.column(columns.label)
    except Exception as error:
        raise _damaged(path, error) from error
    if column.null_count:
        raise InputError(
            f"{path} has {column.null_count} rows without a {columns.label}: give every"
            " image a label, or take them out."
        )
    return np.asarray(column.to_numpy())


def list_groups(path: Path) -> list[tuple[int, int]]:
    """Returns the number of each group of rows of a file, and how many rows it has."""
    if path.suffix == ".arrow":
        return [(0, _map_arrow(path).num_rows)]
    with _pyarrow(path).ParquetFile(path) as file:
        rows = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
    return list(enumerate(rows))


def read_group(path: Path, group: int, column: str) -> Any:
    """Returns one column of a group of rows, as arrow has it."""
    try:
        if path.suffix == ".arrow":
            return _map_arrow(path).column(column)
        return _read_parquet(path, _stamp(path), group, column)
    except Exception as error:
        raise _damaged(path, error) from error


@functools.lru_cache(maxsize=GROUPS_KEPT)
def _read_parquet(path: Path, stamp: tuple[int, int], group: int, column: str) -> Any:
    with _pyarrow(path).ParquetFile(path) as file:
        return file.read_row_group(group, columns=[column]).column(column)


def _map_arrow(path: Path) -> Any:
    """Returns the table of an arrow file, of either kind, without reading it."""
    _pyarrow(path)
    return _open_arrow(path, _stamp(path))


@functools.cache
def _open_arrow(path: Path, stamp: tuple[int, int]) -> Any:
    import pyarrow

    file = pyarrow.memory_map(str(path))
    try:
        return pyarrow.ipc.open_stream(file).read_all()
    except pyarrow.ArrowInvalid:
        return pyarrow.ipc.open_file(file).read_all()


def _stamp(path: Path) -> tuple[int, int]:
    """Returns what is another when a file was written anew: what was kept is of it."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _read_schema(path: Path) -> Any:
    parquet = _pyarrow(path)
    try:
        if path.suffix == ".arrow":
            return _map_arrow(path).schema
        return parquet.read_schema(path)
    except Exception as error:
        raise _damaged(path, error) from error


def _read_features(schema: Any) -> dict[str, dict[str, Any]]:
    """Returns what Hugging Face wrote of each column."""
    written = (schema.metadata or {}).get(b"huggingface", b"{}")
    features = json.loads(written).get("info", {}).get("features", {})
    return {k: f for k, f in features.items() if isinstance(f, dict)}


def _may_be_image(field: Any) -> bool:
    from pyarrow import types

    if types.is_struct(field.type):
        return field.type.get_field_index("bytes") >= 0
    return types.is_binary(field.type) or types.is_large_binary(field.type)


def _choose(
    path: Path, word: str, given: str | None, fits: list[str], schema: Any
) -> str:
    if given in schema.names:
        return str(given)
    if given is None and len(fits) == 1:
        return fits[0]
    if given is None and word in fits:
        return word
    raise InputError(
        f"{path} has {', '.join(fits) or 'no column'} for the {word}"
        f" ({word}_key={given!r}); its columns: {', '.join(schema.names)}. Name one"
        f" with {word}_key."
    )


def _pyarrow(path: Path) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise InputError(
            f"{path} is read by pyarrow: pip install 'vit_jax[parquet]'."
        ) from error
    return parquet


def _damaged(path: Path, error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    told = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(f"{path} is damaged ({told}). Fetch it again.")
