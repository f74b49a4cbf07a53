import time

import numpy as np
import pytest

from tests.data.photographs import Photographs
from vit_jax.data.memory import Held, hold
from vit_jax.data.pipeline import eval_batches, train_batches
from vit_jax.data.sources import Digits
from vit_jax.data.transforms import EvalCrop, TrainCrop
from vit_jax.errors import InputError


def test_a_held_source_gives_the_same_batches():
    source = Digits("test")
    held = hold(source)
    assert len(held) == len(source)
    assert held.class_names == source.class_names
    assert held.pixels == source.pixels
    options = {"batch_size": 100, "seed": 3, "num_threads": 0}
    ours, theirs = (train_batches(each, **options) for each in (held, source))
    for _ in range(9):
        a, b = next(ours), next(theirs)
        assert all(np.array_equal(a[key], b[key]) for key in b)
    ours, theirs = (eval_batches(each, batch_size=77) for each in (held, source))
    for a, b in zip(ours, theirs, strict=True):
        real = b["real"]
        assert all(np.array_equal(a[key][real], b[key][real]) for key in b)
        assert np.array_equal(a["real"], real)


def test_what_is_held_can_still_be_cropped_at_random():
    source = Photographs(40)
    options = {
        "batch_size": 10,
        "seed": 0,
        "num_threads": 2,
        "transform": TrainCrop(24),  # too large for a JPEG to be decoded smaller
    }
    whole = hold(source, num_threads=2)
    a = next(train_batches(whole, **options))
    b = next(train_batches(source, **options))
    assert np.array_equal(a["image"], b["image"])


def test_only_images_of_one_size_can_be_held():
    class Mixed(Photographs):
        def __getitem__(self, index):
            size = (60, 45) if index < 3 else (45, 60)
            return Photographs(10, size=size)[index]

    with pytest.raises(InputError, match=r"photos/3\.jpg is .*give hold\(\) an"):
        hold(Mixed(10))
    assert hold(Mixed(10), EvalCrop(16)).images.shape == (10, 16, 16, 3)
    with pytest.raises(InputError, match="another image in each epoch"):
        hold(Photographs(10), TrainCrop(16))


def test_gathering_costs_next_to_nothing():
    """As CIFAR-10 is: 100,000 images a second is 10 us each; it takes 1 to 3."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50_000, 32, 32, 3), np.uint8)
    labels = rng.integers(0, 10, 50_000).astype(np.int32)
    held = Held(Digits("test"), images, labels, {})
    batches = train_batches(held, batch_size=512, seed=0, num_threads=0)
    next(batches)
    start = time.process_time()
    for _ in range(40):
        next(batches)
    assert (time.process_time() - start) / (40 * 512) < 10e-6
