"""Files of numpy.savez: a zip of .npy records.

bfloat16 is the two bytes without a meaning, "|V2", that numpy makes of it, as in
Google's releases of ViT. Source of the format: numpy.lib.format.
"""

import re
import zipfile
from collections.abc import Mapping
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vit_jax.weights.formats.archive import Archive
from vit_jax.weights.formats.arrays import Bytes, Progress, view_as, write_raw
from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.dtypes import DTYPES

# What `eval` would read, without it; Python 2 wrote a number as 3L.
HEADER = re.compile(
    rb"\{'descr': '([^']*)', 'fortran_order': (True|False),"
    rb" 'shape': \(((?:\d{1,19}L?, ?)*(?:\d{1,19}L?)?),?\),? ?\} *\n?"
)
BFLOAT16 = "|V2"
DESCRIPTIONS = {
    dtype.str: dtype for dtype in DTYPES.values() if dtype.isbuiltin == 1
} | {BFLOAT16: DTYPES["bfloat16"], "<V2": DTYPES["bfloat16"]}
NAMES = {dtype.name for dtype in DESCRIPTIONS.values()}


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Returns the arrays of a file; those that are not compressed are views of it."""
    archive = Archive(path)
    return {
        name.removesuffix(".npy"): _read_npy(archive.read(name), name)
        for name in archive.infos
    }


def write_npz(
    path: Path, tensors: Mapping[str, NDArray[Any]], progress: Progress
) -> None:
    """Writes an uncompressed file, one tensor at a time."""
    with zipfile.ZipFile(path, "w") as archive:
        for key, tensor in tensors.items():
            # A ZipInfo has a fixed date: the same tensors give the same file.
            info = zipfile.ZipInfo(f"{key}.npy")
            with archive.open(info, "w", force_zip64=True) as file:
                progress(_write_npy(cast(BufferedIOBase, file), tensor))


def _write_npy(file: BufferedIOBase, tensor: NDArray[Any]) -> int:
    bfloat16 = tensor.dtype == DTYPES["bfloat16"]
    np.lib.format.write_array_header_1_0(
        file,
        {
            "descr": BFLOAT16 if bfloat16 else tensor.dtype.str,
            "fortran_order": False,
            "shape": tensor.shape,
        },
    )
    return write_raw(file, tensor)


def _read_npy(data: Bytes, name: str) -> NDArray[Any]:
    """Returns the array in the bytes of a .npy file, as a view of them."""
    start = bytes(data[:12])
    if start[:6] != b"\x93NUMPY" or start[6:8] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise Damage(f"its record {name!r} is no .npy file")
    size_bytes = 2 if start[6] == 1 else 4
    begin = 8 + size_bytes
    end = begin + int.from_bytes(start[8:begin], "little")
    match = HEADER.fullmatch(bytes(data[begin : min(end, begin + 2**16)]))
    if not match:
        raise Damage(f"its record {name!r} has a header that is not of a plain array")
    description, order, shape = (part.decode("latin-1") for part in match.groups())
    if description not in DESCRIPTIONS:
        raise Damage(
            f"its record {name!r} has the dtype {description!r}, which is none of"
            f" {', '.join(DESCRIPTIONS)}",
            "Save it again with arrays of numbers; objects would be code to execute.",
        )
    array = view_as(
        data[end:],
        DESCRIPTIONS[description],
        [int(n.strip(" L")) for n in shape.split(",") if n.strip()],
        order="F" if order == "True" else "C",
    )
    if array.nbytes != len(data) - end:
        raise Damage(f"its record {name!r} is longer than its array")
    return array
