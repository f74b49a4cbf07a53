"""Files of torch.save, read where there is no torch."""

import pickle
import shutil
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from vit_jax.errors import InputError
from vit_jax.weights.files import read_tensors
from vit_jax.weights.torch_zip import Unknown, read_torch_zip

TINY = Path(__file__).parent / "tiny.pth"
BASE = np.arange(12, dtype=np.float32).reshape(3, 4)
EXPECTED = {
    "plain": BASE,
    "transposed": BASE.T,
    "slice": BASE[1:, ::2],
    "tied": BASE,
    "parameter": np.ones(2, np.float32),
    "bfloat16": np.array([1.5, -2.0], ml_dtypes.bfloat16),
    "float16": np.array([0.5], np.float16),
    "float8": np.array([0.5, 2.0], ml_dtypes.float8_e4m3fn),
    "uint16": np.array([65535], np.uint16),
    "bool": np.array([True, False]),
    "scalar": np.array(3),
    "empty": np.zeros((0, 4), np.float32),
    "expanded": np.array([[1.0, 2.0]] * 3, np.float32),
}


def test_every_dtype_and_stride_is_read():
    tensors = read_tensors(TINY)
    assert tensors.keys() == EXPECTED.keys()
    for key, expected in EXPECTED.items():
        assert tensors[key].dtype == expected.dtype, key
        np.testing.assert_array_equal(tensors[key], expected, err_msg=key)


def test_what_is_around_the_weights_is_inert():
    tree = read_torch_zip(TINY)
    assert isinstance(tree["args"], Unknown)
    assert tree["epoch"] == 7


def test_tied_tensors_share_memory():
    tensors = read_tensors(TINY)
    assert np.shares_memory(tensors["plain"], tensors["tied"])


def with_pickle(path: Path, data: bytes) -> Path:
    """Writes the fixture with another pickle in it."""
    with zipfile.ZipFile(TINY) as source, zipfile.ZipFile(path, "w") as target:
        for info in source.infolist():
            old = source.read(info)
            new = data if info.filename.endswith("data.pkl") else old
            target.writestr(info.filename, new)
    return path


def test_a_pickle_that_calls_a_program_calls_nothing(tmp_path):
    mark = tmp_path / "mark"

    class Attack:
        def __reduce__(self):
            import os

            return os.system, (f"touch {mark}",)

    path = with_pickle(tmp_path / "x.pth", pickle.dumps({"a": Attack()}, protocol=2))
    assert isinstance(read_torch_zip(path)["a"], Unknown)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"K\x03K\x04\x86", b"K\x33K\x44\x86"), (b"K\x04K\x01\x86", b"K\x74K\x71\x86")],
    ids=["shape", "strides"],
)
def test_a_tensor_that_points_out_of_its_storage_is_refused(tmp_path, old, new):
    with zipfile.ZipFile(TINY) as archive:
        data = archive.read("tiny/data.pkl")
    assert old in data
    path = with_pickle(tmp_path / "x.pth", data.replace(old, new))
    with pytest.raises(InputError, match="points out of its storage"):
        read_torch_zip(path)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.5, 0.99])
def test_a_file_that_was_cut_is_refused(tmp_path, keep):
    path = tmp_path / "x.pth"
    raw = TINY.read_bytes()
    path.write_bytes(raw[: int(len(raw) * keep)])
    with pytest.raises(InputError, match=r"no complete file of torch\.save"):
        read_tensors(path)


def test_a_flipped_byte_of_a_tensor_is_noticed(tmp_path):
    path = tmp_path / "x.pth"
    shutil.copy(TINY, path)
    with zipfile.ZipFile(TINY) as archive:
        info = archive.getinfo("tiny/data/0")
    raw = bytearray(path.read_bytes())
    start = raw.index(BASE.tobytes(), info.header_offset)
    raw[start + 5] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"no complete file of torch\.save"):
        read_tensors(path)
