"""Files of torch.save and torch.jit.save, read where there is no torch."""

import pickle
import shutil
import struct
import tarfile
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from vit_jax.errors import InputError
from vit_jax.weights.files import read_tensors, write_tensors
from vit_jax.weights.formats.torch import read_torch
from vit_jax.weights.formats.torch_pickle import Made

HERE = Path(__file__).parent.parent
TINY = HERE / "tiny.pth"
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
MODULE = {
    "scale": np.array([2, 3], np.float32),
    "kept": np.array([4], np.float16),
    "layers.0.weight": np.array([[8, 9]], np.float32),
    "layers.0.bias": np.array([10], np.float32),
}


def assert_equal(tensors, expected):
    assert tensors.keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_array_equal(tensors[key], array, key, strict=True)


def test_every_dtype_and_stride_is_read():
    assert_equal(read_tensors(TINY), EXPECTED)


def test_what_is_around_the_weights_is_inert():
    tree = read_torch(TINY)
    assert isinstance(tree["args"], Made)
    assert tree["epoch"] == 7


def test_tensors_are_read_only_views_and_tied_ones_share_memory():
    tensors = read_tensors(TINY)
    assert np.shares_memory(tensors["plain"], tensors["tied"])
    assert np.shares_memory(tensors["plain"], tensors["transposed"])
    assert not any(tensor.flags.writeable for tensor in tensors.values())


@pytest.mark.parametrize("name", ["tiny_module.pth", "tiny_legacy.pth"])
def test_a_module_is_its_state_dict(name):
    assert_equal(read_tensors(HERE / name), MODULE)


def test_a_torchscript_archive_is_its_state_dict():
    """Its buffers are all kept; a tensor that is only an attribute is none of them."""
    passing = np.array([5], np.float32)
    tensors = read_tensors(HERE / "tiny_script.pt")
    assert_equal(tensors, MODULE | {"passing": passing})


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_what_a_file_is_counts_and_not_its_suffix(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    for source in ("tiny_script.pt", "tiny_legacy.pth", "tiny_module.pth"):
        shutil.copy(HERE / source, path)
        assert read_tensors(path).keys() >= MODULE.keys()
    write_tensors(tmp_path / "x.safetensors", MODULE)
    shutil.copy(tmp_path / "x.safetensors", path)
    assert_equal(read_tensors(path), MODULE)


def test_an_archive_without_checksums_is_read(tmp_path):
    """torch.serialization.set_crc32_options(False) leaves zeros."""
    data = bytearray(TINY.read_bytes())
    for magic, place in ((b"PK\3\4", 14), (b"PK\1\2", 16)):
        at = data.find(magic)
        while at >= 0:
            data[at + place : at + place + 4] = bytes(4)
            at = data.find(magic, at + 4)
    (tmp_path / "x.pth").write_bytes(data)
    assert_equal(read_tensors(tmp_path / "x.pth"), EXPECTED)


def rewrite(path, old=b"", new=b"", *, source=TINY, **records):
    """Writes an archive with bytes of its pickle replaced, or with other records."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(path, "w") as target:
        for info in archive.infolist():
            data = archive.read(info)
            if info.filename.endswith("data.pkl") and old:
                assert old in data
                data = data.replace(old, new)
            name = info.filename.split("/", 1)[1]
            target.writestr(info.filename, records.get(name.replace(".", "_"), data))
    return path


def test_a_pickle_that_calls_a_program_calls_nothing(tmp_path):
    mark = tmp_path / "mark"

    class Attack:
        def __reduce__(self):
            import os

            return os.system, (f"touch {mark}",)

    data = pickle.dumps({"a": Attack()}, protocol=2)
    path = rewrite(tmp_path / "x.pth", data_pkl=data)
    assert isinstance(read_torch(path)["a"], Made)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"K\x03K\x04\x86", b"K\x33K\x44\x86"), (b"K\x04K\x01\x86", b"K\x74K\x71\x86")],
    ids=["shape", "strides"],
)
def test_a_tensor_that_points_out_of_its_storage_is_refused(tmp_path, old, new):
    path = rewrite(tmp_path / "x.pth", old, new)
    with pytest.raises(InputError, match=r"model\.plain .*points out of its storage"):
        read_tensors(path)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (b"K\x03K\x04\x86]", "is made by|strides"),
        (b"K\x03K\x04\x86K\x04\x85", "2 axes and 1 strides"),
        (b"K\x03K\x04\x86J\xff\xff\xff\xffK\x01\x86", "no numbers of elements"),
        (b"K\x03\x8a\x09" + b"\0" * 8 + b"\x7f\x86K\0K\0\x86", "no numbers"),
        (b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86K\0K\0\x86", "shape of|takes"),
        (b"K\x03J\x00\x00\x10\x00\x86K\0K\0\x86", "takes 12582912 bytes"),
        (b"G" + bytes(8) + b"K\x04\x86K\x04K\x01\x86", "no numbers of elements"),
        (b"K\x01\x8a\x08" + b"\xff" * 7 + b"\x3f\x86K\x00K\x00\x86", "no numbers"),
        (b"NK\x04\x86K\x04K\x01\x86", "no numbers of elements"),
    ],
)
def test_a_tensor_of_an_absurd_shape_is_refused(tmp_path, new, message):
    """Of many strides of zero a few bytes would make terabytes."""
    with zipfile.ZipFile(TINY) as archive:
        data = archive.read("tiny/data.pkl")
    # Shape and strides of the first tensor, with what memoises them.
    old = data[data.index(b"K\x03K\x04\x86") : data.index(b"K\x04K\x01\x86") + 5]
    with pytest.raises(InputError, match=message):
        read_tensors(rewrite(tmp_path / "x.pth", old, new))


def test_tensors_that_are_each_small_but_many_are_refused(tmp_path):
    """One storage of 4 KB, expanded to 1 MiB, a thousand times."""
    path = tmp_path / "x.pth"
    tensor = b"h\0h\1R"
    call = b"ctorch._utils\n_rebuild_tensor_v2\nq\0(" + storage(4) + b"K\0"
    call += b"J\0\0\4\0\x85K\0\x85\x89Ntq\1RX\1\0\0\0b"
    items = b"".join(b"X\4\0\0\0" + b"%04d" % number + tensor for number in range(1000))
    data = b"\x80\2}(X\1\0\0\0a" + call + tensor + items + b"u."
    rewrite(path, data_pkl=data)
    with pytest.raises(InputError, match="takes 1048576 bytes, of a file of"):
        read_tensors(path)


def storage(numel):
    """Returns the opcodes of the storage of the fixture's first tensor."""
    head = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
    return head + b"0X\3\0\0\0cpuK" + bytes([numel]) + b"tQ"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"_rebuild_tensor_v2", b"_rebuild_qtensor", "is quantized.*dequantize"),
        (b"_rebuild_tensor_v2", b"_rebuild_sparse_tensor", "is sparse.*to_dense"),
        (b"float8_e4m3fn", b"float4_e2m1fn_x2", "float8 has a dtype that numpy lacks"),
        (b"FloatStorage", b"QUInt4x2Storage", "it has a QUInt4x2Storage"),
    ],
)
def test_tensors_that_are_no_arrays_are_refused_by_name(tmp_path, old, new, message):
    with pytest.raises(InputError, match=f"cannot be read: .*{message}"):
        read_tensors(rewrite(tmp_path / "x.pth", old, new))


def test_a_big_endian_file_is_refused(tmp_path):
    path = rewrite(tmp_path / "x.pth", byteorder=b"big")
    with pytest.raises(InputError, match=r"big-endian machine\. Load it with torch"):
        read_tensors(path)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.5, 0.99])
@pytest.mark.parametrize("name", ["tiny.pth", "tiny_legacy.pth", "tiny_script.pt"])
def test_a_file_that_was_cut_is_refused(tmp_path, name, keep):
    path = tmp_path / "x.pth"
    raw = (HERE / name).read_bytes()
    path.write_bytes(raw[: int(len(raw) * keep)])
    with pytest.raises(InputError, match=r"no complete file of torch\.save"):
        read_tensors(path)


def test_a_flipped_byte_of_a_tensor_is_noticed(tmp_path):
    path = tmp_path / "x.pth"
    raw = bytearray(TINY.read_bytes())
    raw[raw.index(BASE.tobytes()) + 5] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(InputError, match="the checksum it had"):
        read_tensors(path)


def test_a_file_that_is_another_kind_of_pickle_or_zip_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones(1))
    (tmp_path / "x.npz").rename(tmp_path / "x.pt")
    (tmp_path / "x.bin").write_bytes(pickle.dumps({"a": 1}, protocol=2) * 3)
    with pytest.raises(InputError, match=r"holds no data\.pkl"):
        read_tensors(tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"not one that torch\.save wrote"):
        read_tensors(tmp_path / "x.bin")


def test_a_tar_of_the_first_torch_is_refused_with_what_to_do(tmp_path):
    with tarfile.open(tmp_path / "x.pth", "w") as tar:
        tar.addfile(tarfile.TarInfo("storages"))
    with pytest.raises(InputError, match=r"before 0\.2 wrote\. Load it with torch"):
        read_tensors(tmp_path / "x.pth")


def test_an_older_file_with_views_of_a_storage_is_read(tmp_path):
    """As torch 0.3 wrote: a storage may be a part of another, in elements."""
    view = b"(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0r"
    view += b"X\3\0\0\0cpuK\4(X\1\0\0\0vK\1K\2ttQ"
    call = b"ctorch._utils\n_rebuild_tensor\n(" + view + b"K\0K\2\x85K\1\x85tR"
    pickles = [
        *(pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001)),
        pickle.dumps({"little_endian": True}, 2),
        b"\x80\2}X\1\0\0\0a" + call + b"s.",
        pickle.dumps(["r"], 2),
    ]
    data = b"".join(pickles) + struct.pack("<q4f", 4, 1, 2, 3, 4)
    (tmp_path / "x.pth").write_bytes(data)
    assert read_tensors(tmp_path / "x.pth")["a"].tolist() == [2, 3]
    (tmp_path / "y.pth").write_bytes(data[:-1])
    with pytest.raises(InputError, match="its storage r is cut off"):
        read_tensors(tmp_path / "y.pth")


def test_a_big_endian_older_file_is_refused(tmp_path):
    data = (HERE / "tiny_legacy.pth").read_bytes()
    at = data.index(b"little_endian")
    at = data.index(b"\x88", at)
    (tmp_path / "x.pth").write_bytes(data[:at] + b"\x89" + data[at + 1 :])
    with pytest.raises(InputError, match="big-endian"):
        read_tensors(tmp_path / "x.pth")


def test_along_an_axis_of_one_a_stride_may_be_anything(tmp_path):
    new = b"K\x01K\x04\x86\x8a\x07" + b"\xff" * 6 + b"\x00K\x01\x86"
    with zipfile.ZipFile(TINY) as archive:
        data = archive.read("tiny/data.pkl")
    old = data[data.index(b"K\x03K\x04\x86") : data.index(b"K\x04K\x01\x86") + 5]
    path = rewrite(tmp_path / "x.pth", old, new)
    assert read_tensors(path)["plain"].tolist() == [[0, 1, 2, 3]]
