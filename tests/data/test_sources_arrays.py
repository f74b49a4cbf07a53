import numpy as np
import pytest

from tests.data.made import pixels
from vit_jax.data.sources import Arrays
from vit_jax.errors import InputError

IMAGES = np.stack([pixels(i) for i in range(5)])
LABELS = np.array([0, 2, 1, 0, 1])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    ("images", "labels"),
    [("images", "labels"), ("x_train", "y_train"), ("train_images", "train_labels")],
)
def test_common_keys_are_known_stored_or_compressed(tmp_path, save, images, labels):
    save(tmp_path / "a.npz", **{images: IMAGES, labels: LABELS[:, None]})
    source = Arrays(tmp_path / "a.npz")
    assert source.splits == ("train",)
    assert source.class_names == ("0", "1", "2")
    for i in range(5):
        np.testing.assert_array_equal(source[i]["image"], IMAGES[i])
        assert source[i]["label"] == LABELS[i]


def test_names_of_classes_are_those_in_the_file(tmp_path):
    names = np.array(["ape", "bee", "cat", "dog"])
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS, class_names=names)
    assert Arrays(tmp_path / "a.npz").class_names == ("ape", "bee", "cat", "dog")


def test_classes_are_those_of_all_splits(tmp_path):
    np.savez(
        tmp_path / "a.npz",
        x_train=IMAGES,
        y_train=LABELS,
        x_test=IMAGES[:1],
        y_test=LABELS[:1],
    )
    assert len(Arrays(tmp_path / "a.npz", "test").class_names) == 3


@pytest.mark.parametrize("order", ["C", "F"])
def test_large_images_stay_on_the_disk(tmp_path, order):
    images = np.random.default_rng(0).integers(0, 256, (600, 50, 60), np.uint8)
    stored = np.asarray(images, order=order)
    np.savez(tmp_path / "a.npz", images=stored, labels=np.zeros(600, np.uint8))
    source = Arrays(tmp_path / "a.npz")
    assert isinstance(source._opened.images.base, np.memmap)
    assert source[0]["image"].shape == (50, 60, 1)
    np.testing.assert_array_equal(source[599]["image"][:, :, 0], images[599])


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"pictures": IMAGES, "labels": LABELS}, "holds pictures, labels. Expected"),
        ({"images": IMAGES / 255, "labels": LABELS}, "is float64 .* Expected uint8"),
        ({"images": IMAGES[0, 0], "labels": LABELS}, "of shape .* Expected uint8"),
        (
            {"images": IMAGES.transpose(0, 3, 1, 2), "labels": LABELS},
            r"channels first.*transpose\(0, 2, 3, 1\)",
        ),
        ({"images": IMAGES, "labels": LABELS[:4]}, "holds 5 images, and labels 4"),
        ({"images": IMAGES, "labels": LABELS * 1.0}, "Expected one integer an image"),
        ({"images": IMAGES, "labels": np.eye(5, dtype=int)}, "Expected one integer"),
        ({"images": IMAGES, "labels": LABELS - 1}, "label -1 of image 0 .* out of"),
        (
            {"images": IMAGES, "labels": LABELS, "class_names": np.array(["a", "b"])},
            "label 2 of image 1 .* there are 2 classes",
        ),
        (
            {"images": IMAGES, "labels": LABELS, "class_names": np.array([{}])},
            "is no whole .npz file .* without objects",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, told):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=told):
        len(Arrays(tmp_path / "a.npz"))


def test_a_damaged_file_and_none_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(InputError, match="there is no file"):
        len(Arrays(path))
    np.savez(path, images=IMAGES, labels=LABELS)
    content = path.read_bytes()
    for end in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:end])
        with pytest.raises(InputError, match=r"a\.npz is no whole \.npz file"):
            len(Arrays(path))
