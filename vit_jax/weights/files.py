"""Tensors in files, by suffix; nothing in a file is ever executed.

Every write is to a temporary file that is renamed when it is whole.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from vit_jax.errors import InputError
from vit_jax.weights.detect import peel
from vit_jax.weights.torch_zip import read_torch_zip

Tensors = dict[str, NDArray[Any]]
TORCH_SUFFIXES = (".pth", ".pt", ".bin")
SUFFIXES = (".safetensors", *TORCH_SUFFIXES)
# safetensors.numpy itself lacks the float8 types.
SAFE_DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "I64": np.dtype(np.int64),
    "I32": np.dtype(np.int32),
    "I16": np.dtype(np.int16),
    "I8": np.dtype(np.int8),
    "U64": np.dtype(np.uint64),
    "U32": np.dtype(np.uint32),
    "U16": np.dtype(np.uint16),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(np.bool_),
    "C64": np.dtype(np.complex64),
}


def read_tensors(path: Path) -> Tensors:
    """Returns every tensor of a file by its key, in its own dtype.

    Raises:
      InputError: no such file, a suffix that is not known, or a damaged file.
    """
    if not path.exists():
        raise InputError(
            f"there is no file {path}: give the path of a weights file or of a model's"
            " folder."
        )
    check_suffix(path)
    if path.suffix in TORCH_SUFFIXES:
        return peel(read_torch_zip(path), str(path))
    try:
        return {
            key: np.frombuffer(entry["data"], SAFE_DTYPES[entry["dtype"]]).reshape(
                entry["shape"]
            )
            for key, entry in safetensors.deserialize(path.read_bytes())
        }
    except (safetensors.SafetensorError, KeyError) as error:
        raise InputError(
            f"{path} is no complete .safetensors file: {error}."
            " It may be cut off; fetch it again and compare its size."
        ) from error


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Writes tensors to a file, whole or not at all.

    Raises:
      InputError: a suffix that is not known, no such folder, or `.pth` where torch is
        not installed.
      OSError: the disk is full, or the folder cannot be written.
    """
    check_suffix(path)
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}: make it, then try again.")
    whole = {key: np.asarray(array, order="C") for key, array in tensors.items()}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.suffix == ".safetensors":
            # torch's loaders look for this entry.
            safetensors.numpy.save_file(whole, temporary, metadata={"format": "pt"})
        else:
            _write_torch(temporary, whole)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_suffix(path: Path) -> None:
    """Raises InputError if a file of this suffix is neither read nor written."""
    if path.suffix not in SUFFIXES:
        raise InputError(
            f"{path} has the suffix {path.suffix!r}; weights are read from and"
            f" written to {', '.join(SUFFIXES)}."
        )


def _write_torch(path: Path, tensors: Tensors) -> None:
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f"{path.suffix} files are written by torch, which is not installed: write"
            " a .safetensors file, or `pip install torch`."
        ) from error

    def convert(array: NDArray[Any]) -> torch.Tensor:
        # torch.from_numpy does not know ml_dtypes' types, nor read-only arrays.
        raw = torch.from_numpy(array.copy().reshape(-1).view(np.uint8))
        return raw.view(getattr(torch, array.dtype.name)).reshape(array.shape)

    torch.save({key: convert(array) for key, array in tensors.items()}, path)
