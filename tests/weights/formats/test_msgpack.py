"""Files of flax.serialization beside flax's own."""

import flax.serialization
import ml_dtypes
import msgpack
import numpy as np
import pytest
from flax.serialization import msgpack_restore, msgpack_serialize

from vit_jax.errors import InputError
from vit_jax.weights import formats
from vit_jax.weights.files import read_tensors, write_tensors
from vit_jax.weights.formats.dtypes import DTYPES

TREE = {
    "params": {
        "kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "10": {"bias": np.ones(2, ml_dtypes.bfloat16), "2": np.zeros((0, 2))},
        "9": {"bias": np.array(True)},
    },
    "step": np.int64(7),
}
FLAT = {
    "params.kernel": TREE["params"]["kernel"],
    "params.10.bias": TREE["params"]["10"]["bias"],
    "params.10.2": TREE["params"]["10"]["2"],
    "params.9.bias": TREE["params"]["9"]["bias"],
    "step": np.array(7),
}


def extension(code, *parts):
    """Returns msgpack of {"a": an extension of flax's that holds these parts}."""
    inner = msgpack.packb(parts, use_bin_type=True)
    return msgpack.packb({"a": msgpack.ExtType(code, inner)})


def test_what_flax_writes_is_read(tmp_path):
    others = {"number": 2.5, "complex": 1j, "none": None, "list": [1, "x"]}
    data = msgpack_serialize({**TREE, **others})
    (tmp_path / "x.msgpack").write_bytes(data)
    read = read_tensors(tmp_path / "x.msgpack")
    assert read.keys() == FLAT.keys()
    for key, tensor in FLAT.items():
        np.testing.assert_array_equal(read[key], tensor, strict=True)


def test_what_is_written_is_what_flax_writes(tmp_path):
    write_tensors(tmp_path / "x.msgpack", FLAT)
    wanted = msgpack_serialize({**TREE, "step": np.array(7)})
    assert (tmp_path / "x.msgpack").read_bytes() == wanted


@pytest.mark.parametrize("name", DTYPES)
def test_flax_restores_every_dtype_that_is_written(tmp_path, name):
    array = np.arange(1, 4).astype(DTYPES[name])
    write_tensors(tmp_path / "x.msgpack", {"a": array})
    again = msgpack_restore((tmp_path / "x.msgpack").read_bytes())["a"]
    assert again.dtype == array.dtype
    assert again.tobytes() == array.tobytes()
    np.testing.assert_array_equal(read_tensors(tmp_path / "x.msgpack")["a"], array)


def test_an_array_in_pieces_is_joined(tmp_path, monkeypatch):
    """Flax cuts what has more than 1 GiB; here, more than 40 bytes."""
    monkeypatch.setattr(flax.serialization, "MAX_CHUNK_SIZE", 40)
    whole = np.arange(121, dtype=np.float32).reshape(11, 11)
    write_tensors(tmp_path / "x.msgpack", {"a.b": whole, "c": np.ones(2)})
    data = (tmp_path / "x.msgpack").read_bytes()
    assert b"__msgpack_chunked_array__" in data
    np.testing.assert_array_equal(msgpack_restore(data)["a"]["b"], whole)
    np.testing.assert_array_equal(read_tensors(tmp_path / "x.msgpack")["a.b"], whole)


def test_a_tensor_where_another_has_a_level_is_refused(tmp_path):
    for keys in (("a", "a.b"), ("a.b", "a"), ("a", "a.b.c")):
        with pytest.raises(InputError, match="cannot both be in a tree"):
            write_tensors(tmp_path / "x.msgpack", dict.fromkeys(keys, np.ones(1)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xdd\xff\xff\xff\xff", "claims 4294967295"),
        (b"\xdf\xff\xff\xff\xff", "claims 4294967295"),
        (b"\xc6\xff\xff\xff\xff", "claims 4294967295"),
        (b"\x91" * 1000, "levels"),
        (b"\x81\xa1a" * 1000, "levels"),
        (b"\xdd\0\0\x07\xd0" + b"\xc0" * 2000, "levels or 1000 values"),
        (b"\x81\xda\x07\xd0" + b"a" * 2000 + b"\x80", "over 1024 letters"),
        (b"\xc1", "does not use"),
        (b"\x81\1\1", "no text"),
        (b"\x82\xa1a\1\xa1a\1", "twice"),
        (b"\x81\xa1\xff\1", "no UTF-8"),
        (b"\x80\x80", "goes on after its end"),
        (extension(1, [3], "float32", bytes(8)), "shape .* takes 12 bytes of 8"),
        (extension(1, [2], "float32", bytes(12)), "has 12 bytes"),
        (extension(1, [2**56, 4], "float32", b""), "no numbers of elements"),
        (extension(1, [-1], "float32", bytes(4)), "no numbers of elements"),
        (extension(1, [1], "object", bytes(8)), "without a shape"),
        (extension(1, [1], "float32"), "without a shape"),
        (extension(1, "x", "float32", bytes(4)), "where a shape belongs"),
        (msgpack.packb({"__msgpack_chunked_array__": 1}), "fit together"),
    ],
)
def test_what_lies_is_refused(tmp_path, monkeypatch, data, message):
    monkeypatch.setattr(formats.msgpack, "MAX_VALUES", 1000)
    (tmp_path / "x.msgpack").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_tensors(tmp_path / "x.msgpack")


def test_two_arrays_of_one_key_are_refused(tmp_path):
    data = msgpack_serialize({"a.b": np.ones(1), "a": {"b": np.ones(1)}})
    (tmp_path / "x.msgpack").write_bytes(data)
    with pytest.raises(InputError, match=r"two arrays a\.b"):
        read_tensors(tmp_path / "x.msgpack")
