"""Weights files by their suffix: what goes in comes out, or one message says why."""

import ml_dtypes
import numpy as np
import pytest

from vit_jax.errors import InputError
from vit_jax.weights import files
from vit_jax.weights.files import read_tensors, write_tensors

TENSORS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "b": np.ones(3, ml_dtypes.bfloat16),
    "c": np.full((2, 2), 0.5, np.float16),
    "d": np.array(7, np.int64),
    "e": np.zeros((0, 4), np.float16),
    "f": np.array([True, False]),
}
# What is read and written where there is no torch.
SUFFIXES = (".safetensors", ".npz", ".msgpack")


def assert_same(found, wanted):
    """Checks keys, dtypes, shapes and bits."""
    assert found.keys() == wanted.keys()
    for key, tensor in wanted.items():
        assert found[key].dtype == tensor.dtype, key
        assert found[key].shape == tensor.shape, key
        assert found[key].tobytes() == tensor.tobytes(), key


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tensors_come_back_bit_for_bit(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    write_tensors(path, TENSORS)
    assert_same(read_tensors(path), TENSORS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_read_is_a_view_of_the_file(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    write_tensors(path, TENSORS)
    for key, tensor in read_tensors(path).items():
        assert type(tensor) is np.ndarray, key
        assert not tensor.flags.writeable, key
        assert not tensor.flags.owndata, key


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_tensors_give_the_same_file(tmp_path, suffix):
    for name in "xy":
        write_tensors(tmp_path / f"{name}{suffix}", TENSORS)
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "xy")
    assert first == second


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_progress_is_told_the_bytes_of_each_tensor(tmp_path, suffix):
    told = []
    write_tensors(tmp_path / f"x{suffix}", TENSORS, progress=told.append)
    assert sorted(told) == sorted(tensor.nbytes for tensor in TENSORS.values())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("keep", [0.0, 0.2, 0.5, 0.99])
def test_a_file_that_was_cut_is_refused(tmp_path, suffix, keep):
    path = tmp_path / f"x{suffix}"
    write_tensors(path, TENSORS)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(
        InputError, match=rf"x\{suffix} is no complete .*fetch it again"
    ):
        read_tensors(path)


@pytest.mark.parametrize(
    ("start", "mend"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid", "run `git lfs pull`"),
        ("\n<!DOCTYPE html><html>", "It is a web page"),
    ],
)
@pytest.mark.parametrize("suffix", [*SUFFIXES, ".pth"])
def test_what_is_fetched_in_place_of_weights_is_named(tmp_path, suffix, start, mend):
    (tmp_path / f"x{suffix}").write_text(start * 3)
    with pytest.raises(InputError, match=mend):
        read_tensors(tmp_path / f"x{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"x{suffix}"
    write_tensors(path, {"a": np.ones(2)})
    before = path.read_bytes()

    def fill_disk(part, *_):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(files.WRITERS, suffix, fill_disk)
    with pytest.raises(OSError, match="No space left"):
        write_tensors(path, {"a": np.zeros(2)})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_can_be_written_over_while_its_tensors_are_in_use(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS)
    read = read_tensors(path)
    write_tensors(path, read)
    assert_same(read, TENSORS)
    assert_same(read_tensors(path), TENSORS)


@pytest.mark.parametrize(
    ("suffix", "tensor"),
    [
        (".npz", np.ones(2, ml_dtypes.float8_e4m3fn)),
        (".safetensors", np.ones(2, np.complex128)),
        (".safetensors", np.ones(2, ">f4")),
        (".msgpack", np.array(["text"])),
    ],
)
def test_a_dtype_that_a_format_cannot_hold_is_refused(tmp_path, suffix, tensor):
    with pytest.raises(InputError, match=rf"a has the dtype .* which \{suffix} files"):
        write_tensors(tmp_path / f"x{suffix}", {"a": tensor})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["__metadata__", "a\0b", "a\udcff"])
def test_a_name_that_a_file_cannot_hold_is_refused(tmp_path, key):
    with pytest.raises(InputError, match="cannot be the name of a tensor"):
        write_tensors(tmp_path / "x.npz", {key: np.ones(1)})


@pytest.mark.parametrize("name", ["x.onnx", "x"])
def test_an_unknown_suffix_names_the_known(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    for use in (lambda path: write_tensors(path, TENSORS), read_tensors):
        with pytest.raises(InputError, match=r"\.safetensors, \.pth"):
            use(tmp_path / name)


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*x: make it"):
        write_tensors(tmp_path / "x" / "y.safetensors", TENSORS)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    (tmp_path / "folder.pth").mkdir()
    for name in ("x.pth", "folder.pth"):
        with pytest.raises(InputError, match="there is no file"):
            read_tensors(tmp_path / name)
