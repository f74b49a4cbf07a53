"""Files of safetensors: a JSON header, then the tensors' bytes.

Source of the format: github.com/huggingface/safetensors, its README.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from vit_jax.weights.formats.arrays import Progress, map_file, view_as, write_raw
from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.dtypes import DTYPES

# In the order in which the library lays tensors out, so that each is aligned.
CODES = {
    "uint64": "U64",
    "int64": "I64",
    "float64": "F64",
    "complex64": "C64",
    "float32": "F32",
    "uint32": "U32",
    "int32": "I32",
    "bfloat16": "BF16",
    "float16": "F16",
    "uint16": "U16",
    "int16": "I16",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
NAMES = {code: name for name, code in CODES.items()}


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """Returns the tensors of a file as read-only views of it.

    The library checks the header: the tensors lie one after another, without gap or
    overlap, and fill the file.
    """
    data = map_file(path)
    try:
        with safe_open(path, "np") as file:
            slices = {key: file.get_slice(key) for key in file.offset_keys()}
            told = {
                key: (part.get_dtype(), part.get_shape())
                for key, part in slices.items()
            }
    except SafetensorError as error:
        raise Damage(str(error)) from error
    tensors: dict[str, NDArray[Any]] = {}
    start = 8 + int.from_bytes(bytes(data[:8]), "little")
    for key, (code, shape) in told.items():
        if code not in NAMES:
            raise Damage(
                f"{key} has the dtype {code}, which numpy lacks",
                "Save it in a dtype of whole bytes, such as bfloat16.",
            )
        tensors[key] = view_as(data[start:], DTYPES[NAMES[code]], shape)
        start += tensors[key].nbytes
    return tensors


def write_safetensors(
    path: Path, tensors: Mapping[str, NDArray[Any]], progress: Progress
) -> None:
    """Writes tensors as the library does, byte for byte, but one at a time."""
    rank = {name: place for place, name in enumerate(CODES)}
    keys = sorted(tensors, key=lambda key: (rank[tensors[key].dtype.name], key))
    # torch's loaders look for this entry.
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for key in keys:
        shape, dtype = tensors[key].shape, tensors[key].dtype
        end = offset + math.prod(shape) * dtype.itemsize
        header[key] = {
            "dtype": CODES[dtype.name],
            "shape": shape,
            "data_offsets": (offset, end),
        }
        offset = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for key in keys:
            progress(write_raw(file, tensors[key]))
