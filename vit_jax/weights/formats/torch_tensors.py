"""Tensors in what a pickle of torch holds: the calls that would have made them.

Source: the functions _rebuild_* of torch/_utils.py.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vit_jax.weights.formats.arrays import Bytes, shape_of, view_as
from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.dtypes import DTYPES
from vit_jax.weights.formats.torch_pickle import Made, Name

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
    # Of quantized tensors, which are refused by name.
    "QInt8Storage": "int8",
    "QUInt8Storage": "uint8",
    "QInt32Storage": "int32",
}
# A parameter wraps a tensor, perhaps of a class of its own.
MAX_WRAPPED = 4
# Where the arguments of each have the dtype and the marks, if anywhere.
REBUILD = {
    "_rebuild_tensor": (None, None),
    "_rebuild_tensor_v2": (None, 6),
    "_rebuild_tensor_v3": (6, 7),
}
UNREADABLE = {
    "_rebuild_qtensor": ("quantized", "Save what its dequantize() gives."),
    "_rebuild_sparse_tensor": ("sparse", "Save what its to_dense() gives."),
    "_rebuild_nested_tensor": ("nested", "Save what its unbind() gives."),
    "_rebuild_meta_tensor_no_storage": (
        "without values (on the device meta)",
        "Save it from a model that has values.",
    ),
}


@dataclasses.dataclass(frozen=True)
class Storage:
    """A storage by its key; of older files perhaps a part of it, in elements."""

    key: str
    dtype: np.dtype[Any]
    numel: int
    offset: int = 0


def find_storage(pid: Any) -> Any:
    """Returns the storage that a persistent id is of, or the class of a module's."""
    match pid:
        case ("module", Name() as module, *_):
            return module
        case (
            "storage",
            Name(name=str(kind)),
            str(key),
            _,
            int(numel),
            *rest,
        ) if numel >= 0:
            if kind not in STORAGES:
                raise Damage(f"it has a {kind}", "Save its tensors in another dtype.")
            dtype = DTYPES[STORAGES[kind]]
            match rest:
                case [] | [None]:
                    return Storage(key, dtype, numel)
                case [(str(_), int(offset), int(part))] if min(offset, part) >= 0:
                    return Storage(key, dtype, part, offset)
                case _:
                    pass
        case _:
            pass
    raise Damage("its pickle has a persistent id that is no storage")


@dataclasses.dataclass
class Views:
    """Makes arrays that are views of a file's storages.

    `read` gives the bytes of a storage by its key; `size` is the file's in bytes.
    """

    read: Callable[[str], Bytes]
    size: int
    used: int = 0

    def make(self, call: Made, path: str, depth: int = 0) -> NDArray[Any] | None:
        """Returns the array that a call makes; None of one that makes no tensor."""
        by, args = call.by, call.args
        if depth > MAX_WRAPPED:
            raise Damage(f"{path} is wrapped more than {MAX_WRAPPED} times")
        if not isinstance(by, Name) or not by.name.startswith("_rebuild_"):
            return None
        match by.name, args:
            case ("_rebuild_from_type_v2", (function, _, tuple(inner), *_)):
                call = Made(function, cast(tuple[Any, ...], inner))
                return self.make(call, path, depth + 1)
            case (
                "_rebuild_parameter" | "_rebuild_parameter_with_state",
                (Made() as tensor, *_),
            ):
                return self.make(tensor, path, depth + 1)
            case (name, _) if name in UNREADABLE:
                kind, mend = UNREADABLE[name]
                raise Damage(f"{path} is {kind}", mend)
            case (name, (Storage() as storage, int(offset), *_)) if name in REBUILD:
                dtype, marks = (
                    args[i] if i and i < len(args) else None for i in REBUILD[name]
                )
                array = self._view(storage, offset, args[2:4], dtype, path)
                return _apply(marks, array)
            case _:
                raise Damage(f"{path} is made by {by.name} of something else")

    def _view(
        self,
        storage: Storage,
        offset: int,
        sizes: tuple[Any, ...],
        dtype: Any,
        path: str,
    ) -> NDArray[Any]:
        """Returns a view; offset and `sizes`, shape and strides, count elements."""
        shape, strides = (shape_of(size) for size in sizes)
        if len(shape) != len(strides):
            raise Damage(f"{path} has {len(shape)} axes and {len(strides)} strides")
        kind = storage.dtype
        if dtype is not None:
            kind = DTYPES.get(dtype.name if isinstance(dtype, Name) else "")
        if kind is None:
            raise Damage(
                f"{path} has a dtype that numpy lacks", "Save it in another dtype."
            )
        data = self._read(storage, path)
        if 0 in shape:
            return view_as(data[:0], kind, shape)
        last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        if offset < 0 or (last + 1) * kind.itemsize > len(data):
            raise Damage(f"{path} of shape {shape} points out of its storage")
        self._spend(math.prod(shape) * kind.itemsize, path)
        # Along an axis of one a stride has no meaning, and may be anything.
        steps = tuple(
            s * kind.itemsize if n > 1 else 0
            for n, s in zip(shape, strides, strict=True)
        )
        return np.ndarray(shape, kind, data, offset * kind.itemsize, steps)

    def _read(self, storage: Storage, path: str) -> Bytes:
        start = storage.offset * storage.dtype.itemsize
        end = start + storage.numel * storage.dtype.itemsize
        data = self.read(storage.key)
        if end > len(data):
            raise Damage(f"the storage of {path} has {len(data)} bytes of {end}")
        return data[start:end]

    def _spend(self, size: int, path: str) -> None:
        """Counts the bytes of tensors: expanded ones take more than the file has."""
        self.used += size
        if size > 4 * self.size + 2**20 or self.used > 64 * (self.size + 2**20):
            raise Damage(f"{path} takes {size} bytes, of a file of {self.size}")


def _apply(marks: Any, array: NDArray[Any]) -> NDArray[Any]:
    """Returns the values of a tensor that torch marks as conjugate or negative."""
    marks = cast(dict[str, Any], marks) if isinstance(marks, dict) else {}
    if marks.get("conj"):
        array = np.conjugate(array)
    return np.negative(array) if marks.get("neg") else array
