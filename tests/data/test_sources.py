import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from vit_jax.data.sources import Digits


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
