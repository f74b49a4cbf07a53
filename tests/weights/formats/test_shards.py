"""Weights in several files, and the index that says which tensor is where."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vit_jax.errors import InputError
from vit_jax.weights.files import read_tensors, write_tensors

HERE = Path(__file__).parent.parent
TENSORS = {"a": np.ones(2), "b": np.zeros((2, 2), np.float16), "c": np.array(3)}
FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
PLACES = {"a": FIRST, "b": SECOND, "c": SECOND}


def make_index(folder, weight_map, name="model.safetensors.index.json"):
    """Writes two shards and an index; returns its path."""
    folder.mkdir(exist_ok=True)
    for shard in (FIRST, SECOND):
        held = {key: TENSORS[key] for key in TENSORS if PLACES[key] == shard}
        write_tensors(folder / shard, held)
    path = folder / name
    path.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return path


def test_the_tensors_of_all_shards_come_back(tmp_path):
    tensors = read_tensors(make_index(tmp_path, PLACES))
    assert tensors.keys() == TENSORS.keys()
    assert all(np.array_equal(tensors[key], TENSORS[key]) for key in TENSORS)


def test_shards_may_be_files_of_torch(tmp_path):
    shutil.copy(HERE / "tiny_legacy.pth", tmp_path / "pytorch_model-00001.bin")
    path = tmp_path / "pytorch_model.bin.index.json"
    path.write_text(json.dumps({"weight_map": {"scale": "pytorch_model-00001.bin"}}))
    assert read_tensors(path)["scale"].tolist() == [2, 3]


def test_a_shard_that_is_missing_is_named(tmp_path):
    path = make_index(tmp_path, PLACES)
    (tmp_path / SECOND).unlink()
    with pytest.raises(InputError, match=rf"its shard {SECOND} is missing\. Put it in"):
        read_tensors(path)


def test_a_tensor_that_a_shard_lacks_is_named(tmp_path):
    path = make_index(tmp_path, {**PLACES, "d": FIRST})
    with pytest.raises(InputError, match=rf"{FIRST} lacks d "):
        read_tensors(path)


def test_a_damaged_shard_is_named(tmp_path):
    path = make_index(tmp_path, PLACES)
    (tmp_path / FIRST).write_bytes(b"x" * 99)
    with pytest.raises(InputError, match=rf"{FIRST} is no complete \.safetensors"):
        read_tensors(path)


@pytest.mark.parametrize(
    "name",
    [
        "../model.safetensors",
        "/etc/passwd",
        "C:model.safetensors",
        "a\\b.safetensors",
        "..",
        ".",
        "",
        "a\0.safetensors",
        "x" * 300,
        7,
        None,
        [FIRST],
    ],
)
def test_a_shard_that_is_no_plain_name_is_refused(tmp_path, name):
    write_tensors(tmp_path / "model.safetensors", TENSORS)
    path = make_index(tmp_path / "folder", {"a": name})
    with pytest.raises(InputError, match="which is no name of a file beside it"):
        read_tensors(path)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    path = make_index(tmp_path / "folder", {"a": "link.safetensors"})
    write_tensors(tmp_path / "secret.safetensors", TENSORS)
    (tmp_path / "folder/link.safetensors").symlink_to("../secret.safetensors")
    with pytest.raises(InputError, match="is a link to another folder"):
        read_tensors(path)


def test_links_into_the_cache_of_hugging_face_are_read(tmp_path):
    """Where index and shards all are links into one folder of blobs."""
    index = make_index(tmp_path / "blobs", PLACES)
    (tmp_path / "snapshot").mkdir()
    for name in (index.name, FIRST, SECOND):
        (tmp_path / "snapshot" / name).symlink_to(f"../blobs/{name}")
    assert read_tensors(tmp_path / "snapshot" / index.name).keys() == TENSORS.keys()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 100_000, '{"weight_map": {}}', '{"weight_map": 1}', "\xff"],
    ids=range(7),
)
def test_what_is_no_index_is_refused(tmp_path, text):
    (tmp_path / "x.index.json").write_text(text, "latin-1")
    with pytest.raises(InputError, match="is no complete index of shards"):
        read_tensors(tmp_path / "x.index.json")


def test_a_shard_of_a_kind_that_is_not_known_is_refused(tmp_path):
    path = make_index(tmp_path, {"a": "config.json"})
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"suffix '\.json'"):
        read_tensors(path)
