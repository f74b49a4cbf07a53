"""Files of numpy.savez, and zips that are none."""

import io
import zipfile

import ml_dtypes
import numpy as np
import pytest

from vit_jax.errors import InputError
from vit_jax.weights.files import read_tensors, write_tensors

TENSORS = {
    "Transformer/encoderblock_0/LayerNorm_0/bias": np.arange(3, dtype=np.float32),
    "embedding/kernel": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "scalar": np.array(True),
    "empty": np.zeros((0, 2), np.complex64),
}


def npy(array, **changes):
    """Returns the bytes of a .npy file, perhaps with another header."""
    file = io.BytesIO()
    header = {
        "descr": array.dtype.str,
        "fortran_order": False,
        "shape": array.shape,
        **changes,
    }
    np.lib.format.write_array_header_2_0(file, header)
    return file.getvalue() + array.tobytes()


def pack(path, records, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path, save):
    save(tmp_path / "x.npz", **TENSORS)
    read = read_tensors(tmp_path / "x.npz")
    assert read.keys() == TENSORS.keys()
    for key, tensor in TENSORS.items():
        assert read[key].dtype == tensor.dtype
        np.testing.assert_array_equal(read[key], tensor, strict=True)


def test_numpy_reads_what_is_written(tmp_path):
    write_tensors(tmp_path / "x.npz", {**TENSORS, "strided": np.arange(9)[::2]})
    read = np.load(tmp_path / "x.npz", allow_pickle=False)
    np.testing.assert_array_equal(read["strided"], np.arange(9)[::2])
    assert all(np.array_equal(read[key], TENSORS[key]) for key in TENSORS)


def test_two_bytes_without_a_meaning_are_bfloat16(tmp_path):
    """As big_vision writes: numpy knows no bfloat16."""
    half = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    np.savez(tmp_path / "x.npz", a=half, b=half.view("V2"))
    for array in read_tensors(tmp_path / "x.npz").values():
        assert array.dtype == ml_dtypes.bfloat16
        assert array.tolist() == [1.5, -2.0]


def test_objects_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([{}], object))
    with pytest.raises(InputError, match=r"the dtype '\|O'.*objects would be code"):
        read_tensors(tmp_path / "x.npz")


@pytest.mark.parametrize(
    "record",
    [
        npy(np.zeros(4), shape=(2**40,)),
        npy(np.zeros(4), shape=(2**62, 2**62)),
        npy(np.zeros(4), shape=(3,)),
        npy(np.zeros(4), shape=(-4,)),
        npy(np.zeros(4), descr=">f8"),
        npy(np.zeros(4), descr=[("a", "<f8")]),
        npy(np.zeros(4), fortran_order="no"),
        npy(np.zeros(4))[:-1],
        b"\x93NUMPY\1\0\x10\x27" + b"-" * 10_000,
        b"\x93NUMPY\2\0\xff\xff\xff\xff{",
        b"text",
        b"",
    ],
    ids=range(12),
)
def test_an_array_that_is_not_as_its_header_is_refused(tmp_path, record):
    with pytest.raises(InputError, match=r"its record 'a\.npy'|takes .* bytes|a shape"):
        read_tensors(pack(tmp_path / "x.npz", {"a.npy": record}))


def test_a_zip_bomb_is_refused_before_it_goes_off(tmp_path):
    record = npy(np.zeros(0), shape=(2**28,)) + bytes(2**28)
    path = pack(tmp_path / "x.npz", {"a.npy": record}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**19
    with pytest.raises(InputError, match="far larger than the file"):
        read_tensors(path)


def change(path, old, new):
    """Replaces bytes that are there in the local header and in the directory."""
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_a_record_that_inflates_to_more_than_it_says_is_refused(tmp_path):
    path = pack(tmp_path / "x.npz", {"a": bytes(5000)}, zipfile.ZIP_DEFLATED)
    change(path, (5000).to_bytes(4, "little"), (4000).to_bytes(4, "little"))
    with pytest.raises(InputError, match="does not inflate to the size"):
        read_tensors(path)


def test_a_flipped_bit_of_an_array_is_noticed(tmp_path):
    path = pack(tmp_path / "x.npz", {"a.npy": npy(np.full(4, 3.0))})
    change(path, np.float64(3).tobytes(), np.float64(5).tobytes())
    with pytest.raises(InputError, match="does not have the checksum it had"):
        read_tensors(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_records_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for number in range(2):
            archive.writestr("a.npy", npy(np.full(1, number)))
    with pytest.raises(InputError, match="the same name"):
        read_tensors(tmp_path / "x.npz")


def test_records_that_overlap_are_refused(tmp_path):
    """Two entries of the directory point to one record."""
    path = pack(tmp_path / "x.npz", {"a.npy": npy(np.ones(4)), "b.npy": b""})
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\1\2")
    data[second + 42 : second + 46] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(InputError, match="is not where it should be"):
        read_tensors(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(tmp_path, method):
    path = pack(tmp_path / "x.npz", {"a.npy": npy(np.ones(4))}, method)
    with pytest.raises(InputError, match="compressed in an unusual way"):
        read_tensors(path)


def test_encryption_is_refused(tmp_path):
    path = pack(tmp_path / "x.npz", {"a.npy": npy(np.ones(4))})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="is encrypted"):
        read_tensors(path)
