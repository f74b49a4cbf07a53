import io
import itertools
import json
import struct

import numpy as np
import pytest
from PIL import Image

from tests.data.made import contents, image_file, write_folder, write_parquet
from vit_jax.data.prepare import draw_order, encode, prepare
from vit_jax.data.sources import Arrays, Digits, Folder, Parquet, Tfds
from vit_jax.data.sources.find import each_split
from vit_jax.data.tfrecord import convert_tfrecord, is_tfrecord, read_records
from vit_jax.errors import InputError


def files(folder):
    """Returns the content of every file below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def open_theirs(folder):
    """Returns tensorflow_datasets' own builder of what was prepared."""
    import tensorflow_datasets as tfds

    return tfds.builder_from_directory(folder)


@pytest.fixture
def pets(tmp_path):
    write_folder(tmp_path / "files/train", {"cat": 10, "dog": 10}, suffix=".jpg")
    write_folder(tmp_path / "files/val", {"dog": 3}, suffix=".jpg", first_seed=50)
    (tmp_path / "files/val/cat").mkdir()
    for path in (tmp_path / "files").rglob("*.jpg"):
        path.write_bytes(image_file(int(path.stem), "JPEG"))
    (tmp_path / "files/val/cat/0.jpg").write_bytes(image_file(0, "WEBP"))
    return each_split(Folder(tmp_path / "files"))


def test_image_files_are_kept_byte_for_byte_with_labels_and_names(pets, tmp_path):
    assert prepare(pets, tmp_path / "data" / "pets") == {"train": 20, "val": 4}
    for split, source in pets.items():
        written = Tfds("pets", split, tmp_path / "data")
        assert written.class_names == ("cat", "dog")
        expected = [contents(source)[i] for i in draw_order(source)]
        assert contents(written) == expected
        names = {written.name(i).split("(")[1] for i in range(len(written))}
        assert f"{split}/dog/002.jpg)" in names


def test_tensorflow_datasets_opens_what_was_prepared(pets, tmp_path):
    prepare(pets, tmp_path / "data" / "pets")
    builder = open_theirs(tmp_path / "data" / "pets" / "1.0.0")
    assert builder.info.splits["val"].num_examples == 4
    source = builder.as_data_source("train[:50%]")
    assert len(source) == 10
    assert source[0]["image"].shape == (6, 8, 3)
    assert builder.info.features["label"].int2str(source[0]["label"]) in ("cat", "dog")


def test_the_same_source_gives_the_same_files_for_any_number_of_threads(pets, tmp_path):
    prepare(pets, tmp_path / "a" / "pets", num_threads=1)
    prepare(pets, tmp_path / "b" / "pets", num_threads=7)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_part_is_a_fair_sample(tmp_path):
    write_folder(tmp_path / "files", {"cat": 40, "dog": 40})
    sources = each_split(Folder(tmp_path / "files", held_out=0.0))
    prepare(sources, tmp_path / "pets")
    labels = [y for _, y in contents(Tfds("pets", "train[:50%]", tmp_path))]
    assert 10 <= sum(labels) <= 30


def test_pixels_become_png_without_loss(tmp_path):
    prepare(each_split(Digits()), tmp_path / "digits")
    source, written = Digits("test"), Tfds("digits", "test", tmp_path)
    assert written.pixels.mean == (0.5,)
    for place, index in enumerate(draw_order(source)):
        with Image.open(io.BytesIO(written[place]["image"])) as image:
            assert np.array_equal(image, source[int(index)]["image"][:, :, 0])
        assert written[place]["label"] == source[int(index)]["label"]


def test_large_sets_go_into_several_files_and_keep_every_image(
    pets, tmp_path, monkeypatch
):
    monkeypatch.setattr("vit_jax.data.prepare.SHARD_BYTES", 2000)
    prepare(pets, tmp_path / "data" / "pets")
    folder = tmp_path / "data" / "pets" / "1.0.0"
    shards = list(folder.glob("pets-train.array_record-*"))
    assert len(shards) > 3
    written = Tfds("pets", "train", tmp_path / "data")
    assert sorted(contents(written)) == sorted(contents(pets["train"]))
    places = [written.name(i).split(" ")[0] for i in range(20)]
    assert len({place.split("[")[0] for place in places}) == len(shards)
    assert len(set(places)) == 20


def test_parquet_is_read_group_by_group(tmp_path):
    pytest.importorskip("pyarrow")
    labels = [0, 1, 1, 0, 1, 0, 0]
    write_parquet(tmp_path / "p" / "train.parquet", labels, rows_a_group=3)
    source = Parquet(tmp_path / "p")
    order = draw_order(source)
    assert sorted(order) == list(range(7))
    groups = [index // 3 for index in order]
    assert sum(a != b for a, b in itertools.pairwise(groups)) == 2
    prepare(each_split(source), tmp_path / "data" / "pets")
    written = Tfds("pets", "train", tmp_path / "data")
    assert sorted(contents(written)) == sorted(contents(source))


def test_it_is_written_whole_or_not_at_all(pets, tmp_path):
    target = tmp_path / "data" / "pets"
    assert len(pets["val"]) == 4
    (tmp_path / "files/val/dog/001.jpg").unlink()
    with pytest.raises(InputError, match=r"001\.jpg cannot be read"):
        prepare(pets, target)
    assert list((tmp_path / "data").iterdir()) == []
    left = tmp_path / "data" / ".pets.part"  # by a kill
    left.mkdir()
    (left / "half").touch()
    prepare({"train": pets["train"]}, target)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["pets"]
    assert not list(target.rglob("half"))


def test_what_exists_is_not_touched(pets, tmp_path):
    (tmp_path / "pets").mkdir()
    with pytest.raises(InputError, match="pets exists: give another name"):
        prepare(pets, tmp_path / "pets")


@pytest.mark.parametrize(
    ("name", "mended"), [("My-Pets", "my_pets"), ("2pets", "pets"), ("ü", "ü")]
)
def test_a_name_that_tfds_does_not_take_is_mended(pets, tmp_path, name, mended):
    with pytest.raises(InputError, match=f"no name for a TFDS .* such as {mended}"):
        prepare(pets, tmp_path / name)


def test_splits_of_different_classes_are_refused(pets, tmp_path):
    with pytest.raises(InputError, match="train has 2 classes and digits others"):
        prepare({"train": pets["train"], "digits": Digits()}, tmp_path / "x")


def test_pixels_that_png_does_not_hold_are_refused(tmp_path):
    images = np.zeros((2, 4, 4, 2), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.zeros(2, np.int64))
    with pytest.raises(InputError, match="have 2 channels, and PNG holds 1, 3 or 4"):
        encode(Arrays(tmp_path / "a.npz")[0])


@pytest.fixture
def tfrecord(pets, tmp_path):
    """The data set pets as TensorFlow would have written it, and as it was."""
    prepare(pets, tmp_path / "data" / "pets")
    folder = tmp_path / "old" / "pets" / "1.0.0"
    folder.mkdir(parents=True)
    new = tmp_path / "data" / "pets" / "1.0.0"
    builder = open_theirs(new)
    for split in ("train", "val"):
        records = builder.as_data_source(split).data_source
        with (folder / f"pets-{split}.tfrecord-00000-of-00001").open("wb") as file:
            for record in records:
                file.write(struct.pack("<QI", len(record), 0) + record + b"\0\0\0\0")
    for name in ("features.json", "label.labels.txt"):
        (folder / name).write_bytes((new / name).read_bytes())
    info = json.loads((new / "dataset_info.json").read_text())
    info["fileFormat"] = "tfrecord"
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return folder


def test_tfrecord_becomes_array_record_byte_for_byte(tfrecord, tmp_path):
    assert is_tfrecord(tfrecord)
    written = convert_tfrecord(tfrecord, tmp_path / "mended" / "pets")
    assert written == {"train": 20, "val": 4}
    for split in written:
        before = Tfds("pets", split, tmp_path / "data")
        assert contents(Tfds("pets", split, tmp_path / "mended")) == contents(before)


def test_a_damaged_tfrecord_is_told_and_nothing_written(tfrecord, tmp_path):
    shard = tfrecord / "pets-train.tfrecord-00000-of-00001"
    content = shard.read_bytes()
    size = 16 + int.from_bytes(content[:8], "little")
    damaged = {
        "cut off or damaged": content[:-3],
        "cut off": content[: size + 5],
        "damaged": content[:size] + b"\xff" * 12 + content[size + 12 :],
        "has 1 records, and dataset_info.json says 20": content[:size],
    }
    for told, bad in damaged.items():
        shard.write_bytes(bad)
        with pytest.raises(InputError, match=told):
            convert_tfrecord(tfrecord, tmp_path / "mended" / "pets")
        assert list((tmp_path / "mended").iterdir()) == []
    shard.unlink()
    with pytest.raises(InputError, match="there is no file"):
        list(read_records(shard))


def test_a_file_name_of_no_known_encoding_is_kept(tmp_path):
    write_folder(tmp_path / "files", {"cat": 2})
    odd = "\udcff.png"
    (tmp_path / "files/cat/000.png").rename(tmp_path / "files/cat" / odd)
    prepare({"train": Folder(tmp_path / "files", "all")}, tmp_path / "pets")
    written = Tfds("pets", data_dir=tmp_path)
    assert any(f"(cat/{odd})" in written.name(i) for i in range(2))
