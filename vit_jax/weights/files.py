"""Tensors in files, by suffix; nothing in a file is ever executed.

Every write is to a temporary file that is renamed when it is whole.
"""

import contextlib
import glob
import os
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vit_jax.errors import InputError
from vit_jax.weights.formats.arrays import Progress
from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.dtypes import DTYPES
from vit_jax.weights.formats.msgpack import read_msgpack, write_msgpack
from vit_jax.weights.formats.npz import NAMES, read_npz, write_npz
from vit_jax.weights.formats.safetensors import (
    CODES,
    read_safetensors,
    write_safetensors,
)
from vit_jax.weights.formats.shards import INDEX, read_index
from vit_jax.weights.formats.torch import read_torch, write_torch
from vit_jax.weights.recognise.peel import peel

Tensors = dict[str, NDArray[Any]]
TORCH_SUFFIXES = (".pth", ".pt", ".bin")
KINDS = {
    ".safetensors": ".safetensors file",
    **dict.fromkeys(TORCH_SUFFIXES, "file of torch.save"),
    ".npz": ".npz file of arrays",
    ".msgpack": "file of flax.serialization",
    ".json": "index of shards",
}
READERS: dict[str, Callable[[Path], Any]] = {
    ".safetensors": read_safetensors,
    **dict.fromkeys(TORCH_SUFFIXES, read_torch),
    ".npz": read_npz,
    ".msgpack": read_msgpack,
}
WRITERS: dict[str, Callable[[Path, Tensors, Progress], None]] = {
    ".safetensors": write_safetensors,
    **dict.fromkeys(TORCH_SUFFIXES, write_torch),
    ".npz": write_npz,
    ".msgpack": write_msgpack,
}
HOLDS = {
    **dict.fromkeys(WRITERS, DTYPES.keys()),
    ".safetensors": CODES.keys(),
    ".npz": NAMES,
}
SUFFIXES = tuple(WRITERS)
AGAIN = "It may be cut off or changed; fetch it again and compare its size."
# What is fetched in place of weights.
NOT_WEIGHTS = {
    b"version https://git-lfs": "It is a pointer of Git LFS: run `git lfs pull`.",
    b"<": "It is a web page: fetch the file that the page is of.",
}


def read_tensors(path: Path, *, entry: str | None = None) -> Tensors:
    """Returns every tensor of a file by its key, in its own dtype.

    The arrays are read-only views of the file, wherever it is not compressed: memory is
    taken only for what is used. Of `.index.json` the tensors of all shards come back.

    Args:
      entry: which of several wrapped dicts of weights, such as model_ema.

    Raises:
      InputError: no such file, a suffix that is not known, or a damaged file.
    """
    if not path.is_file():
        raise InputError(
            f"there is no file {path}: give the path of a weights file or of a model's"
            " folder."
        )
    if not path.name.endswith(INDEX):
        check_suffix(path)
        return peel(_read(path, READERS[path.suffix]), str(path), entry=entry)
    tensors: Tensors = {}
    for shard, keys in _read(path, read_index).items():
        check_suffix(shard)
        found = _read(shard, READERS[shard.suffix])
        held = cast(dict[str, Any], found) if isinstance(found, dict) else {}
        lost = [key for key in keys if not isinstance(held.get(key), np.ndarray)]
        if lost:
            raise InputError(
                f"{shard} lacks {lost[0]} (and {len(lost) - 1} other tensors) that"
                f" {path.name} says it has: fetch both again from one place."
            )
        tensors |= {key: held[key] for key in keys}
    return peel(tensors, str(path), entry=entry)


def write_tensors(
    path: Path,
    tensors: Mapping[str, NDArray[Any]],
    *,
    progress: Progress | None = None,
) -> None:
    """Writes tensors to a file, whole or not at all.

    Args:
      progress: told the bytes of each tensor when it is written.

    Raises:
      InputError: a suffix that is not known, no such folder, a tensor that the format
        has no place for, or `.pth` where torch is not installed.
      OSError: the disk is full, or the folder cannot be written.
    """
    check_suffix(path)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}: make it, then try again.")
    arrays = {key: np.asarray(tensor) for key, tensor in tensors.items()}
    _check_place(path, arrays)
    with _renamed_when_whole(path) as part:
        WRITERS[path.suffix](part, arrays, progress or (lambda _: None))


def check_suffix(path: Path) -> None:
    """Raises InputError if a file of this suffix is neither read nor written."""
    if path.suffix not in SUFFIXES:
        raise InputError(
            f"{path} has the suffix {path.suffix!r}; weights are read from and"
            f" written to {', '.join(SUFFIXES)}."
        )


def _read(path: Path, read: Callable[[Path], Any]) -> Any:
    """Returns what a file holds; what is wrong in it is told with its path."""
    try:
        return read(path)
    except Damage as damage:
        if damage.mend:
            told = f"{path} cannot be read: {damage}. {damage.mend}"
            raise InputError(told) from damage
        with path.open("rb") as file:
            head = file.read(64).lstrip()
        mends = [mend for start, mend in NOT_WEIGHTS.items() if head.startswith(start)]
        raise InputError(
            f"{path} is no complete {KINDS[path.suffix]}: {damage}."
            f" {(*mends, AGAIN)[0]}"
        ) from damage


def _check_place(path: Path, tensors: Tensors) -> None:
    """Raises InputError if a format has no place for some name or dtype."""
    for key, tensor in tensors.items():
        if tensor.dtype.name not in HOLDS[path.suffix] or not tensor.dtype.isnative:
            raise InputError(
                f"{key} has the dtype {tensor.dtype}, which {path.suffix} files cannot"
                f" hold: they hold {', '.join(HOLDS[path.suffix])}."
            )
        if key == "__metadata__" or "\0" in key or not key.isprintable():
            raise InputError(f"{key!r} cannot be the name of a tensor: rename it.")


@contextlib.contextmanager
def _renamed_when_whole(path: Path) -> Generator[Path, None, None]:
    """Gives a file to write, which gets the name when it is written and on the disk."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if not _is_running(left.name.split(".")[-2]):  # a kill left it
            left.unlink(missing_ok=True)
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _is_running(process: str) -> bool:
    """Returns whether a process of this number is there."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:  # it is another user's
        return True
    return True
