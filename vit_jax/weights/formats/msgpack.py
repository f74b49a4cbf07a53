"""Files of flax.serialization: msgpack with arrays as extension types.

Read by a parser of our own: the library's makes room for whatever sizes a file claims,
and copies each array. Sources of the format: msgpack's spec.md; flax/serialization.py.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vit_jax.errors import InputError
from vit_jax.weights.formats.arrays import Bytes, Progress, map_file, shape_of, view_as
from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.dtypes import DTYPES

MAX_DEPTH = 64
MAX_VALUES = 2**20
MAX_KEY = 1024
CHUNKED = "__msgpack_chunked_array__"
ARRAY, SCALAR = 1, 3


def read_msgpack(path: Path) -> dict[str, NDArray[Any]]:
    """Returns the arrays of a file by their keys, joined by dots, as views of it.

    Arrays in pieces (of more than 1 GiB) are copied; numbers of Python are left out.
    """
    parser = Parser(map_file(path))
    tree = parser.parse()
    if parser.at != len(parser.data):
        raise Damage("it goes on after its end")
    tensors: dict[str, NDArray[Any]] = {}
    for key, array in _flatten(tree, ""):
        if key in tensors:
            raise Damage(f"it has two arrays {key}")
        tensors[key] = array
    return tensors


def write_msgpack(
    path: Path, tensors: Mapping[str, NDArray[Any]], progress: Progress
) -> None:
    """Writes what flax.serialization.msgpack_serialize gives, one tensor at a time."""
    import msgpack
    from flax.serialization import msgpack_serialize

    pack = msgpack.Packer()

    def pieces(tree: dict[str, Any]) -> Iterator[bytes]:
        yield pack.pack_map_header(len(tree))
        for name, value in sorted(tree.items()):  # as jax sorts a dict's leaves
            yield pack.pack(name)
            if isinstance(value, dict):
                yield from pieces(cast(dict[str, Any], value))
            else:
                yield msgpack_serialize(np.asarray(value))
                progress(value.nbytes)

    with path.open("wb") as file:
        file.writelines(pieces(nest(tensors)))


def nest(tensors: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Returns {"a": {"b": array}} of {"a.b": array}."""
    tree: dict[str, Any] = {}
    for key, tensor in tensors.items():
        *outer, last = key.split(".")
        inner = tree
        for name in outer:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                break
        if not isinstance(inner, dict) or last in inner:
            raise InputError(
                f"{key} and another key cannot both be in a tree: one is a tensor"
                " where the other has a level. Write a .safetensors file."
            )
        inner[last] = tensor
    return tree


def _flatten(tree: Any, prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yields the arrays of a tree with their keys."""
    if len(prefix) > MAX_KEY:
        raise Damage(f"it has a key of over {MAX_KEY} letters")
    if isinstance(tree, np.ndarray):
        yield prefix, tree
    elif isinstance(tree, dict) and CHUNKED in tree:
        yield prefix, _join(cast(dict[str, Any], tree), prefix)
    elif isinstance(tree, dict):
        for name, value in cast(dict[str, Any], tree).items():
            yield from _flatten(value, f"{prefix}.{name}" if prefix else name)


def _join(tree: dict[str, Any], key: str) -> NDArray[Any]:
    """Returns the array that flax wrote in pieces."""
    try:
        parts, sizes = (
            [tree[name][str(place)] for place in range(len(tree[name]))]
            for name in ("chunks", "shape")
        )
        whole = np.concatenate([part.reshape(-1) for part in parts])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Damage(f"{key} is not in pieces that fit together") from error
    if len({part.dtype for part in parts}) > 1:
        raise Damage(f"{key} is in pieces of several dtypes")
    return _exact(whole.view(np.uint8), whole.dtype, sizes)


def _exact(data: Bytes, dtype: np.dtype[Any], shape: Any) -> NDArray[Any]:
    array = view_as(data, dtype, shape_of(shape))
    if array.nbytes != len(data):
        raise Damage(f"an array of shape {array.shape} has {len(data)} bytes")
    return array


class Parser:
    """Reads msgpack from the front; `at` is the place of the next byte."""

    def __init__(self, data: Bytes):
        self.data, self.at, self.values = data, 0, 0

    def parse(self, depth: int = 0) -> Any:
        """Returns the next value; of extensions arrays, and None for the others."""
        self.values += 1
        if depth > MAX_DEPTH or self.values > MAX_VALUES:
            raise Damage(f"it has over {MAX_DEPTH} levels or {MAX_VALUES} values")
        (code,) = self._take(1)
        if code < 0x80 or code >= 0xE0:
            return code if code < 0x80 else code - 0x100
        if code in CONSTANTS:
            return CONSTANTS[code]
        if code in NUMBERS:
            return NUMBERS[code].unpack(self._take(NUMBERS[code].size))[0]
        read, size = self._find_size(code)
        if size > len(self.data) - self.at:
            raise Damage(f"at byte {self.at} it claims {size} of what is to come")
        return read(self, size, depth + 1)

    def _take(self, size: int) -> bytes:
        piece = bytes(self.data[self.at : self.at + size])
        if len(piece) < size:
            raise Damage("it ends early")
        self.at += size
        return piece

    def _find_size(self, code: int) -> tuple["Read", int]:
        """Returns what is next by its first byte, and its bytes or values."""
        for first, last, read in SHORT:
            if first <= code <= last:
                return read, code - first
        if 0xD4 <= code <= 0xD8:
            return Parser._read_extension, 1 << (code - 0xD4)
        if code not in LONG:
            raise Damage(f"it has the byte {code:#x}, which msgpack does not use")
        read, width = LONG[code]
        return read, int.from_bytes(self._take(width), "big")

    def _read_text(self, size: int, _depth: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError as error:
            raise Damage("it has a name that is no UTF-8") from error

    def _read_bytes(self, size: int, _depth: int) -> Bytes:
        self.at += size
        return self.data[self.at - size : self.at]

    def _read_list(self, size: int, depth: int) -> list[Any]:
        return [self.parse(depth) for _ in range(size)]

    def _read_dict(self, size: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(size):
            name = self.parse(depth)
            if not isinstance(name, str) or name in found:
                raise Damage("it has a key that is no text, or is there twice")
            found[name] = self.parse(depth)
        return found

    def _read_extension(self, size: int, depth: int) -> NDArray[Any] | None:
        (code,) = self._take(1)
        end = self.at + size
        if code not in (ARRAY, SCALAR):
            self.at = end
            return None
        parts = self.parse(depth)
        if self.at != end or not isinstance(parts, list):
            raise Damage("it has an array of another length than it claims")
        match cast(list[Any], parts):
            case [shape, str(name), np.ndarray() as data] if name in DTYPES:
                return _exact(data, DTYPES[name], shape)
            case _:
                raise Damage("it has an array without a shape, a known dtype and bytes")


Read = Callable[[Parser, int, int], Any]

CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
NUMBERS = {
    code: struct.Struct(f">{letter}")
    for code, letter in zip(range(0xCA, 0xD4), "fdBHIQbhiq", strict=True)
}
SHORT: tuple[tuple[int, int, Read], ...] = (
    (0x80, 0x8F, Parser._read_dict),
    (0x90, 0x9F, Parser._read_list),
    (0xA0, 0xBF, Parser._read_text),
)
LONG: dict[int, tuple[Read, int]] = {
    first + place: (read, 1 << (place + 3 - count))
    for first, count, read in (
        (0xC4, 3, Parser._read_bytes),
        (0xC7, 3, Parser._read_extension),
        (0xD9, 3, Parser._read_text),
        (0xDC, 2, Parser._read_list),
        (0xDE, 2, Parser._read_dict),
    )
    for place in range(count)
}
