"""Files of safetensors beside the library's own."""

import json

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from safetensors import serialize

from vit_jax.errors import InputError
from vit_jax.weights.files import read_tensors, write_tensors
from vit_jax.weights.formats.dtypes import DTYPES
from vit_jax.weights.formats.safetensors import CODES

TENSORS = {
    f"{place}.{name}": np.arange(3 * place + 1).astype(DTYPES[name])
    for place, name in enumerate(reversed(CODES))
}


def make_file(path, header, data=b""):
    """Writes a file with any header, of the length that it is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def tensor(start, end, dtype="F32", shape=(1,)):
    return {"dtype": dtype, "shape": shape, "data_offsets": (start, end)}


def test_every_dtype_is_written_as_the_library_writes_it(tmp_path):
    write_tensors(tmp_path / "x.safetensors", TENSORS)
    specs = {
        key: safetensors.TensorSpec(
            dtype=array.dtype.name,
            shape=array.shape,
            data_ptr=array.ctypes.data,
            data_len=array.nbytes,
        )
        for key, array in TENSORS.items()
    }
    whole = serialize(specs, metadata={"format": "pt"})
    assert (tmp_path / "x.safetensors").read_bytes() == whole


def test_the_library_reads_what_is_written(tmp_path):
    strided = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)[::2]
    write_tensors(tmp_path / "x.safetensors", {"a": strided, "ü 1": np.float32(2)})
    again = safetensors.numpy.load_file(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(again["a"], strided)
    assert again["ü 1"] == 2


def test_what_the_library_writes_is_read(tmp_path):
    written = {"a": np.ones((2, 3), ml_dtypes.bfloat16), "b": np.zeros((0, 3))}
    safetensors.numpy.save_file(written, tmp_path / "x.safetensors")
    read = read_tensors(tmp_path / "x.safetensors")
    assert all(np.array_equal(read[key], written[key]) for key in written)
    assert all(read[key].dtype == written[key].dtype for key in written)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ({"a": tensor(0, 4), "b": tensor(0, 4)}, 4),
        ({"a": tensor(0, 4), "b": tensor(2, 6)}, 6),
        ({"a": tensor(0, 4), "b": tensor(8, 12)}, 12),
        ({"a": tensor(0, 4)}, 8),
        ({"a": tensor(0, 8)}, 8),
        ({"a": tensor(-4, 0)}, 4),
        ({"a": tensor(0, 4, shape=(2**32, 2**32))}, 4),
        ({"a": tensor(0, 4, shape=(-1,))}, 4),
        ({"a": tensor(0, 4, dtype="F33")}, 4),
        (b"[" * 100_000, 0),
        (b"\xff\xfe", 0),
        ([], 0),
    ],
    ids=str,
)
def test_a_header_that_lies_is_refused(tmp_path, header, size):
    path = make_file(tmp_path / "x.safetensors", header, bytes(size))
    with pytest.raises(InputError, match=r"is no complete \.safetensors file"):
        read_tensors(path)


def test_a_shape_too_large_for_numpy_is_refused(tmp_path):
    header = {"a": tensor(0, 0, shape=(0, 2**62, 2**62))}
    with pytest.raises(InputError):
        read_tensors(make_file(tmp_path / "x.safetensors", header))


def test_numbers_of_half_a_byte_are_refused_with_what_to_do(tmp_path):
    header = {"a": tensor(0, 1, dtype="F4", shape=(2,))}
    path = make_file(tmp_path / "x.safetensors", header, b"\0")
    with pytest.raises(InputError, match=r"a has the dtype F4.*such as bfloat16"):
        read_tensors(path)
