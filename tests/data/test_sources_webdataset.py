import json
import os

import pytest

from tests.data.made import contents, image_file, write_tar
from vit_jax.data.sources import WebDataset
from vit_jax.data.sources.tar_shards import CACHE, expand, index_shard
from vit_jax.errors import InputError


def members(labels, *, first=0):
    for i, label in enumerate(labels, first):
        yield f"{i:04d}.jpg", image_file(i)
        yield f"{i:04d}.cls", f"{label}\n".encode()


def write_shards(folder, *, count=3):
    for shard in range(count):
        write_tar(folder / f"x-{shard:06d}.tar", members([0, 1, 1], first=3 * shard))
    return folder


def test_members_of_one_name_are_an_example(tmp_path):
    write_tar(
        tmp_path / "a.tar",
        [
            ("set/1.v2.json", json.dumps({"label": 1, "size": 3}).encode()),
            ("set/0.cls", b"0"),
            ("set/0.png", image_file(0)),
            ("set/0.seg.png", image_file(9)),
            ("set/0.txt", b"a caption"),
            ("set/._0.png", b"of another system"),
            ("README", b""),
            ("set/1.json", json.dumps({"label": 1}).encode()),
            ("set/1.JPG", image_file(1)),
        ],
    )
    source = WebDataset(tmp_path)
    assert contents(source) == [(image_file(1), 1), (image_file(0), 0)]
    assert source.class_names == ("0", "1")
    assert source.name(1) == f"{tmp_path}/a.tar: set/0.png"


def test_labels_may_be_names_or_folders_and_numbers_are_named_by_a_file(tmp_path):
    write_tar(tmp_path / "words/a.tar", members(["dog", "cat"]))
    assert WebDataset(tmp_path / "words").class_names == ("cat", "dog")
    folders = [(f"{c}/{i}.png", image_file(i)) for i, c in enumerate(("n02", "n01"))]
    write_tar(tmp_path / "folders/a.tar", folders)
    source = WebDataset(tmp_path / "folders")
    assert source.class_names == ("n01", "n02")
    assert [label for _, label in contents(source)] == [1, 0]
    write_tar(tmp_path / "numbers/a.tar", members([1, 0]))
    (tmp_path / "numbers" / "classes.txt").write_text("cat\ndog\nemu\n")
    assert WebDataset(tmp_path / "numbers").class_names == ("cat", "dog", "emu")


def test_patterns_name_shards():
    assert expand("a-{000..002}.tar") == ["a-000.tar", "a-001.tar", "a-002.tar"]
    assert expand("{a,b}-{9..10}.tar") == ["a-9.tar", "a-10.tar", "b-9.tar", "b-10.tar"]
    assert expand("plain.tar") == ["plain.tar"]


def test_folders_patterns_and_files_give_the_same(tmp_path):
    write_shards(tmp_path)
    whole = contents(WebDataset(tmp_path))
    assert len(whole) == 9
    assert contents(WebDataset(tmp_path / "x-{000000..000002}.tar")) == whole
    assert contents(WebDataset(tmp_path / "x-000001.tar")) == whole[3:6]


def test_what_was_indexed_is_kept_and_only_a_changed_shard_read_again(
    tmp_path, monkeypatch
):
    write_shards(tmp_path)
    read = []

    def watch(path):
        read.append(path.name)
        return index_shard(path)

    monkeypatch.setattr("vit_jax.data.sources.tar_shards.index_shard", watch)
    before = contents(WebDataset(tmp_path))
    assert len(read) == 3
    assert contents(WebDataset(tmp_path)) == before
    assert contents(WebDataset(tmp_path / "x-000000.tar")) == before[:3]
    assert len(read) == 3
    write_tar(tmp_path / "x-000001.tar", members([1, 1], first=20))
    changed = contents(WebDataset(tmp_path))
    assert read[3:] == ["x-000001.tar"]
    assert changed == [
        *before[:3],
        (image_file(20), 1),
        (image_file(21), 1),
        *before[6:],
    ]
    (tmp_path / CACHE).write_bytes(b"damaged")
    assert contents(WebDataset(tmp_path)) == changed
    assert len(read) == 7


def test_the_index_may_lie_elsewhere_or_nowhere(tmp_path):
    folder = write_shards(tmp_path / "data")
    expected = contents(WebDataset(folder, cache=tmp_path / "kept" / "index.npz"))
    assert (tmp_path / "kept" / "index.npz").is_file()
    assert not (folder / CACHE).exists()
    (tmp_path / "file").touch()  # no folder can be made there
    assert contents(WebDataset(folder, cache=tmp_path / "file" / "x")) == expected
    assert sorted(os.listdir(tmp_path / "kept")) == ["index.npz"]


def test_damaged_shards_are_told_together(tmp_path):
    write_shards(tmp_path)
    whole = (tmp_path / "x-000000.tar").read_bytes()
    (tmp_path / "x-000000.tar").write_bytes(whole[:700])
    (tmp_path / "x-000002.tar").write_bytes(b"\x1f\x8b" + whole)
    with pytest.raises(InputError) as error:
        len(WebDataset(tmp_path))
    first, second = str(error.value).splitlines()
    assert "x-000000.tar is cut off in 0000.jpg" in first
    assert "x-000002.tar is no whole tar file" in second


def test_a_shard_that_changed_since_is_an_error_of_that_image(tmp_path):
    source = WebDataset(write_shards(tmp_path))
    assert len(source) == 9
    (tmp_path / "x-000002.tar").write_bytes(b"")
    with pytest.raises(InputError, match=r"x-000002\.tar: 0008\.jpg is cut off"):
        source[8]
    (tmp_path / "x-000002.tar").unlink()
    with pytest.raises(InputError, match=r"x-000002\.tar: 0008\.jpg cannot be read"):
        source[8]


def test_shards_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"has no \.tar files"):
        len(WebDataset(tmp_path))
    write_shards(tmp_path)
    with pytest.raises(
        InputError, match=r"no file .*x-000003\.tar, nor 1 more of the 5"
    ):
        len(WebDataset(tmp_path / "x-{000000..000004}.tar"))
    bare = write_tar(tmp_path / "bare" / "a.tar", [("0.jpg", b""), ("1.jpg", b"")])
    with pytest.raises(InputError, match=r"0\.jpg and 1 other images have no label"):
        len(WebDataset(bare))
    mixed = write_tar(tmp_path / "mixed" / "a.tar", members([0, "cat"]))
    with pytest.raises(InputError, match="both numbers and names as labels"):
        len(WebDataset(mixed))
    empty = write_tar(tmp_path / "empty" / "a.tar", [])
    with pytest.raises(InputError, match="has no images in its split 'train'"):
        len(WebDataset(empty))
