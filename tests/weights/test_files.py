import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from vit_jax.errors import InputError
from vit_jax.weights.files import read_tensors, write_tensors

TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "b": np.ones(3, ml_dtypes.bfloat16),
    "c": np.full((2, 2), 0.5, ml_dtypes.float8_e4m3fn),
    "d": np.array(7, np.int64),
    "e": np.zeros((0, 4), np.float16),
}


def test_safetensors_come_back_bit_for_bit(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS)
    again = read_tensors(path)
    assert again.keys() == TENSORS.keys()
    for key, tensor in TENSORS.items():
        assert again[key].dtype == tensor.dtype
        assert again[key].shape == tensor.shape
        assert again[key].tobytes() == tensor.tobytes()


def test_a_file_that_was_cut_in_half_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"x\.safetensors is no complete .safetensors"):
        read_tensors(path)


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": np.ones(2)})
    before = path.read_bytes()

    def fill_disk(_tensors, part, **_):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", fill_disk)
    with pytest.raises(OSError, match="No space left"):
        write_tensors(path, {"a": np.zeros(2)})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.safetensors"]


@pytest.mark.parametrize("name", ["x.onnx", "x"])
def test_an_unknown_suffix_names_the_known(tmp_path, name):
    with pytest.raises(InputError, match=r"\.safetensors, \.pth"):
        write_tensors(tmp_path / name, TENSORS)


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*x: make it"):
        write_tensors(tmp_path / "x" / "y.safetensors", TENSORS)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_tensors(tmp_path / "x.pth")
