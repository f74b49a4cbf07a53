import json
import sys

import numpy as np
import pytest

from tests.data.made import contents, image_file, write_folder
from vit_jax.data.prepare import prepare
from vit_jax.data.sources import Folder, Tfds
from vit_jax.data.sources.find import each_split
from vit_jax.errors import InputError


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A folder with the data set pets: 20 images to train on, 4 to test."""
    folder = tmp_path_factory.mktemp("tfds")
    write_folder(folder / "files/train", {"cat": 10, "dog": 10})
    write_folder(folder / "files/test", {"cat": 2, "dog": 2}, first_seed=50)
    prepare(each_split(Folder(folder / "files")), folder / "data" / "pets")
    return folder / "data"


@pytest.mark.parametrize(
    ("split", "count"),
    [
        ("train", 20),
        ("train[:90%]", 18),
        ("train[10%:]", 18),
        ("train[-3:]", 3),
        ("train+test", 24),
        ("train[:25%]+test[:2]", 7),
    ],
)
def test_parts_and_sums_of_splits_are_splits(data_dir, split, count):
    source = Tfds("pets", split, data_dir)
    assert len(source) == len(contents(source)) == count


def test_two_parts_are_the_whole(data_dir):
    parts = [Tfds("pets", s, data_dir) for s in ("train[:30%]", "train[30%:]")]
    joined = contents(parts[0]) + contents(parts[1])
    assert joined == contents(Tfds("pets", "train", data_dir))
    images = [image_file(i) for i in range(20)]
    assert sorted(image for image, _ in joined) == sorted(images)


def test_the_name_tells_the_shard_the_record_and_the_file(data_dir):
    source = Tfds("pets", "train[10:]+test", data_dir)
    assert source.name(0).startswith("pets-train.array_record-00000-of-00001[10] (")
    assert source.name(11).startswith("pets-test.array_record-00000-of-00001[1] (")
    assert source.name(11).endswith(".png)")


@pytest.mark.parametrize(
    ("split", "told"),
    [
        ("tain", "Unknown split 'tain'"),
        ("train[:0%]", "no image is in it"),
        ("train[5:3]", "no image is in it"),
        ("train[:9", "Error parsing split"),
        ("train[:99]", "incompatible with 20 examples"),
    ],
)
def test_a_split_that_is_none_is_told_with_those_that_are(data_dir, split, told):
    with pytest.raises(InputError) as error:
        len(Tfds("pets", split, data_dir))
    assert told in str(error.value)
    assert "train (20 images), test (4 images)" in str(error.value)
    assert "train[:90%]" in str(error.value)


def test_the_newest_version_counts_unless_one_is_named(data_dir, tmp_path):
    for version in ("1.0.0", "9.0.0", "10.0.0"):
        target = tmp_path / "pets" / version
        target.mkdir(parents=True)
        for path in (data_dir / "pets" / "1.0.0").iterdir():
            (target / path.name).symlink_to(path)
    assert len(Tfds("pets", data_dir=tmp_path)) == 20
    (tmp_path / "pets" / "10.0.0" / "features.json").unlink()
    with pytest.raises(InputError, match=r"pets/10\.0\.0 is no whole TFDS data set"):
        len(Tfds("pets", data_dir=tmp_path))
    assert len(Tfds("pets:9.0.0", data_dir=tmp_path)) == 20
    with pytest.raises(InputError, match=r"no version 2\.0\.0. It has: 1\.0\.0"):
        len(Tfds("pets:2.0.0", data_dir=tmp_path))


def test_one_of_several_configurations_is_named(data_dir, tmp_path):
    (tmp_path / "animals").mkdir()
    (tmp_path / "animals" / "small").symlink_to(data_dir / "pets")
    assert len(Tfds("animals", data_dir=tmp_path)) == 20
    (tmp_path / "animals" / "large").symlink_to(data_dir / "pets")
    assert len(Tfds("animals/large:1.0.0", data_dir=tmp_path)) == 20
    with pytest.raises(InputError, match="name one of animals/large, animals/small"):
        len(Tfds("animals", data_dir=tmp_path))


def test_a_name_that_is_not_there_is_told_with_near_ones(data_dir):
    with pytest.raises(InputError) as error:
        len(Tfds("pet", data_dir=data_dir))
    assert "Perhaps you meant pets. There: pets." in str(error.value)
    assert f"vit-jax data prepare FOLDER {data_dir / 'pet'}" in str(error.value)


def copy_of(data_dir, target):
    """Returns a copy of pets, to be damaged."""
    (target / "pets" / "1.0.0").mkdir(parents=True)
    for path in (data_dir / "pets" / "1.0.0").iterdir():
        (target / "pets" / "1.0.0" / path.name).write_bytes(path.read_bytes())
    return target / "pets" / "1.0.0"


def test_tfrecord_is_refused_with_the_command_that_mends_it(data_dir, tmp_path):
    folder = copy_of(data_dir, tmp_path)
    info = json.loads((folder / "dataset_info.json").read_text())
    del info["fileFormat"]  # as before there was a choice
    (folder / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(InputError) as error:
        len(Tfds("pets", data_dir=tmp_path))
    command = f"  vit-jax data prepare {folder} {tmp_path}/array_record/pets\n"
    assert command in str(error.value)


def test_a_missing_and_a_damaged_shard_are_told_by_name(data_dir, tmp_path):
    folder = copy_of(data_dir, tmp_path)
    shard = folder / "pets-train.array_record-00000-of-00001"
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 3])
    source = Tfds("pets", data_dir=tmp_path)
    with pytest.raises(InputError, match=r"pets-train\.array_record.*cannot be read"):
        contents(source)
    shard.unlink()
    with pytest.raises(InputError, match=r"lacks pets-train\.array_record-00000"):
        len(Tfds("pets", data_dir=tmp_path))


def test_a_label_that_was_not_published_is_told(data_dir, tmp_path):
    folder = copy_of(data_dir, tmp_path)
    (folder / "label.labels.txt").write_text("cat\n")
    features = json.loads((folder / "features.json").read_text())
    label = features["featuresDict"]["features"]["label"]["classLabel"]
    label["numClasses"] = "1"
    (folder / "features.json").write_text(json.dumps(features))
    source = Tfds("pets", data_dir=tmp_path)
    with pytest.raises(InputError, match="label 1, which is none of the 1 classes"):
        contents(source)


def test_features_are_chosen_by_key(data_dir):
    assert len(Tfds("pets", data_dir=data_dir, image_key="image")) == 20
    with pytest.raises(InputError, match=r"has image of the kind Image .* image_key"):
        len(Tfds("pets", data_dir=data_dir, image_key="picture"))


def test_tensorflow_is_not_imported(data_dir):
    contents(Tfds("pets", data_dir=data_dir))
    assert "tensorflow" not in sys.modules


def test_what_is_read_is_what_tensorflow_datasets_decodes(data_dir):
    import tensorflow_datasets as tfds
    from PIL import Image

    theirs = tfds.builder_from_directory(data_dir / "pets" / "1.0.0")
    source = Tfds("pets", data_dir=data_dir)
    decoded = theirs.as_data_source("train")[3]
    (data_dir / "x.png").write_bytes(source[3]["image"])
    with Image.open(data_dir / "x.png") as image:
        np.testing.assert_array_equal(np.asarray(image), decoded["image"])
    assert decoded["label"] == source[3]["label"]
    (data_dir / "x.png").unlink()
