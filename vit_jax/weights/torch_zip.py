"""Files of torch.save without torch: a zip of one pickle and raw storages.

Nothing in the file is executed. The unpickler knows a short list of names; every other
name becomes an inert `Unknown`, so that training files open whose `args` and optimizer
are objects of anywhere. Source of the format: torch/serialization.py and
caffe2/serialize/inline_container.cc (PyTorch 1.6 and later).
"""

import collections
import dataclasses
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from vit_jax.errors import InputError

DTYPES: dict[str, Any] = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
    "int64": np.int64,
    "int32": np.int32,
    "int16": np.int16,
    "int8": np.int8,
    "uint64": np.uint64,
    "uint32": np.uint32,
    "uint16": np.uint16,
    "uint8": np.uint8,
    "bool": np.bool_,
    "complex64": np.complex64,
    "complex128": np.complex128,
}
STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}


class Unknown:
    """Stands for an object of a class that is not known here; does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> "Unknown":
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> "Unknown":
        return self

    def __setstate__(self, state: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def append(self, value: Any) -> None: ...
    def extend(self, values: Any) -> None: ...


@dataclasses.dataclass(frozen=True)
class Name:
    """A dtype or storage class of torch, by its name."""

    name: str


def read_torch_zip(path: Path) -> Any:
    """Returns the object in a file of torch.save, its tensors as numpy arrays.

    Views of one storage share memory; bfloat16 and float8 are ml_dtypes' types.

    Raises:
      InputError: not such a file, damaged, or a tensor that points out of its storage.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, pickle.UnpicklingError, EOFError, KeyError) as error:
        raise InputError(
            f"{path} is no complete file of torch.save (1.6 or later): {error}."
            " It may be cut off; fetch it again and compare its size."
        ) from error


def _read(archive: zipfile.ZipFile) -> Any:
    pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise zipfile.BadZipFile("it holds no data.pkl")
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise zipfile.BadZipFile("its records are compressed, which torch never does")
    root = pickles[0].removesuffix("data.pkl")
    order = f"{root}byteorder"
    if order in archive.namelist() and archive.read(order) != b"little":
        raise zipfile.BadZipFile("it was written on a big-endian machine")
    return _Unpickler(archive, root).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, root: str):
        super().__init__(io.BytesIO(archive.read(f"{root}data.pkl")))
        self.archive, self.root = archive, root
        self.storages: dict[str, bytes] = {}

    def find_class(self, module: str, name: str) -> Any:
        known = KNOWN.get((module, name))
        if known is not None:
            return known
        if module in ("torch", "torch.storage") and name in {*STORAGES, *DTYPES}:
            return Name(name)
        return type(name, (Unknown,), {})

    def persistent_load(self, pid: Any) -> tuple[bytes, str]:
        """Returns a storage's bytes and the name of its dtype."""
        kind, storage, key, _device, _numel = pid
        if kind != "storage" or not isinstance(storage, Name):
            raise pickle.UnpicklingError(f"unknown persistent object {kind!r}")
        if key not in self.storages:
            self.storages[key] = self.archive.read(f"{self.root}data/{key}")
        return self.storages[key], STORAGES[storage.name]


def _rebuild_tensor(
    storage: tuple[bytes, str],
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    _requires_grad: bool = False,
    _hooks: Any = None,
    dtype: Any = None,
    *_: Any,
) -> NDArray[Any]:
    """Returns a view of a storage; offset and strides count elements."""
    data, name = storage
    kind = np.dtype(DTYPES[dtype.name if isinstance(dtype, Name) else name])
    count = len(data) // kind.itemsize
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    outside = 0 not in shape and last >= count
    if min((offset, *shape, *strides)) < 0 or outside:
        raise pickle.UnpicklingError(
            f"a tensor of shape {shape} points out of its storage of {count}"
        )
    if 0 in shape:
        return np.empty(shape, kind)
    steps = tuple(stride * kind.itemsize for stride in strides)
    return np.ndarray(shape, kind, data, offset * kind.itemsize, steps)


def _first(value: Any, *_: Any) -> Any:
    return value


KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _first,
    ("torch._utils", "_rebuild_parameter_with_state"): _first,
    ("torch", "Size"): tuple,
}
