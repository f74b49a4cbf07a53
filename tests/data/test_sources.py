"""What holds of every source; the embedded digits."""

import hashlib
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tests.data.made import (
    contents,
    image_file,
    write_arrow,
    write_folder,
    write_parquet,
    write_tar,
)
from vit_jax.data.prepare import prepare
from vit_jax.data.sources import (
    Arrays,
    Digits,
    Folder,
    ImageSource,
    Parquet,
    Tfds,
    WebDataset,
)
from vit_jax.data.sources.find import each_split, find_source
from vit_jax.data.sources.names import Names
from vit_jax.errors import InputError
from vit_jax.pixels import IMAGENET, half


def make(kind, folder):
    """Returns a source of a kind, with two classes and two splits."""
    if kind == "digits":
        return Digits()
    if kind == "folder":
        write_folder(folder / "train", {"cat": 3, "dog": 4})
        write_folder(folder / "test", {"cat": 1, "dog": 2}, first_seed=50)
        return Folder(folder)
    if kind == "arrays":
        images = np.arange(7 * 6 * 8 * 3, dtype=np.uint8).reshape(7, 6, 8, 3)
        labels = np.arange(7) % 2
        names = {"x_test": images[:3], "y_test": labels[:3]}
        path = folder / "a.npz"
        np.savez(path, x_train=images, y_train=labels, **names)
        return Arrays(path)
    if kind in ("parquet", "arrow"):
        pytest.importorskip("pyarrow")
        write = write_parquet if kind == "parquet" else write_arrow
        write(folder / "train" / f"data-00000-of-00001.{kind}", [0, 1, 1, 0, 1])
        write(folder / "test" / f"data-00000-of-00001.{kind}", [1, 0, 1])
        return Parquet(folder)
    if kind == "webdataset":
        for split, count in (("train", 5), ("test", 3)):
            members = []
            for i in range(count):
                members.append((f"{i:04d}.png", image_file(i)))
                members.append((f"{i:04d}.cls", str(i % 2).encode()))
            write_tar(folder / f"x-{split}-000.tar", members)
        return WebDataset(folder)
    write_folder(folder / "files", {"cat": 8, "dog": 8})
    prepare(each_split(Folder(folder / "files")), folder / "data" / "pets")
    return Tfds("pets", data_dir=folder / "data")


KINDS = ["digits", "folder", "arrays", "parquet", "arrow", "webdataset", "tfds"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def source(kind, tmp_path):
    return make(kind, tmp_path)


def test_a_source_is_what_its_protocol_says(source):
    assert isinstance(source, ImageSource)
    assert source.split == "train"
    assert set(source.splits) == {"train", "test"}
    assert len(source.class_names) == (10 if source == Digits() else 2)
    names = [source.name(i) for i in range(len(source))]
    assert len(set(names)) == len(source) > 0
    for image, label in contents(source):
        assert isinstance(image, bytes) or image.dtype == np.uint8
        assert 0 <= label < len(source.class_names)


def test_every_split_has_the_same_classes_and_other_images(source):
    train, test = each_split(source).values()
    assert train.class_names == test.class_names
    assert len(train) > len(test) > 0


def test_a_source_opened_again_elsewhere_gives_the_same(source):
    before = pickle.dumps(source)
    expected = contents(source)
    for other in (pickle.loads(before), pickle.loads(pickle.dumps(source))):  # noqa: S301
        assert other == source
        assert hash(other) == hash(source)
        for (a, i), (b, j) in zip(contents(other), expected, strict=True):
            assert np.array_equal(a, b)
            assert i == j


def test_threads_read_what_one_reads(source):
    def digest(index):
        image = source[index]["image"]
        content = image if isinstance(image, bytes) else image.tobytes()
        return hashlib.sha256(content).hexdigest(), source[index]["label"]

    indices = [*range(len(source))] * 3
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(digest, indices))
    assert found == [digest(i) for i in indices]


def test_a_path_tells_its_kind(kind, source, tmp_path):
    places = {
        "digits": "digits",
        "arrays": str(tmp_path / "a.npz"),
        "tfds": str(tmp_path / "data" / "pets" / "1.0.0"),
    }
    text = places.get(kind, str(tmp_path))
    found = find_source(text, data_dir=tmp_path)
    assert type(found) is type(source)
    assert contents(found)[0][1] == contents(source)[0][1]


def test_a_split_that_is_not_there_is_refused_with_those_that_are(source):
    if source == Digits():
        return  # its split is a Literal
    with pytest.raises(InputError, match=r"tests.*(train|test)"):
        len(each_split(source, "tests")["tests"])


def test_a_name_of_a_tfds_data_set_is_looked_up(tmp_path, monkeypatch):
    make("tfds", tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets").mkdir()  # with nothing in it
    assert len(find_source("pets", data_dir=tmp_path / "data")) == 14
    with pytest.raises(InputError, match=r"no data set pest .* meant pets"):
        len(find_source("pest", data_dir=tmp_path / "data"))


@pytest.mark.parametrize("name", ["./nothing", "a.txt", "empty"])
def test_what_is_no_collection_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is no collection of images"):
        find_source(name, data_dir=tmp_path)


def test_statistics_are_given_or_known_or_guessed_by_the_channels(tmp_path):
    given = half(3)
    assert Folder(tmp_path).pixels == IMAGENET
    assert Folder(tmp_path, statistics=given).pixels == given
    grey = {"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(2, np.int64)}
    np.savez(tmp_path / "mnist.npz", **grey)
    np.savez(tmp_path / "x.npz", **grey)
    assert Arrays(tmp_path / "mnist.npz").pixels.mean == (0.1307,)
    assert Arrays(tmp_path / "x.npz").pixels == half(1)


def test_many_names_are_one_text():
    names = Names(["a/b.png", "", "ü.jpg", "bad-\udcff.png"])
    assert [names[i] for i in range(len(names))] == [
        "a/b.png",
        "",
        "ü.jpg",
        "bad-\udcff.png",
    ]
    with pytest.raises(IndexError):
        names[4]


def test_the_digits_are_scikit_learns():
    theirs = load_digits()
    train, test = train_test_split(
        np.arange(1797), test_size=360, stratify=theirs.target, random_state=0
    )
    for split, indices in (("train", train), ("test", test)):
        source, order = Digits(split), np.sort(indices)
        assert len(source) == len(order)
        for i, index in enumerate(order):
            example = source[i]
            assert example["label"] == theirs.target[index]
            grey = theirs.images[index, :, :, None] * (255 / 16)
            np.testing.assert_array_equal(example["image"], np.round(grey))


def test_the_split_is_stratified_and_as_large_as_promised():
    train, test = Digits("train"), Digits("test")
    assert (len(train), len(test)) == (1437, 360)
    shares = [
        np.bincount([source[i]["label"] for i in range(len(source))]) / len(source)
        for source in (train, test)
    ]
    assert np.abs(shares[0] - shares[1]).max() < 0.002


def test_the_statistics_are_those_of_the_training_images():
    source = Digits("train")
    images = np.stack([source[i]["image"] for i in range(len(source))]) / 255
    assert images.mean() == pytest.approx(source.pixels.mean[0], abs=5e-5)
    assert images.std() == pytest.approx(source.pixels.std[0], abs=5e-5)
