import numpy as np
import pytest

from vit_jax.data.pipeline import eval_batches, train_batches
from vit_jax.data.sources import Digits


def take(count, *, seed=0, num_threads=0, position=None, batch_size=100):
    batches = train_batches(
        Digits("test"), batch_size=batch_size, seed=seed, num_threads=num_threads
    )
    if position is not None:
        batches.set_state(position)
    return [next(batches) for _ in range(count)], batches.get_state()


def pixels(batches):
    return np.concatenate([batch["image"] for batch in batches])


def test_an_epoch_holds_every_image_once_and_each_has_its_own_order():
    batches, _ = take(18)  # 1,800 images: five epochs of 360
    images = pixels(batches).reshape(5, 360, 64)
    source = Digits("test")
    every = sorted(source[i]["image"].tobytes() for i in range(360))
    for epoch in images:
        assert sorted(image.tobytes() for image in epoch) == every
    assert not np.array_equal(images[0], images[1])


@pytest.mark.parametrize("num_threads", [1, 3])
def test_the_stream_is_the_same_for_any_number_of_threads(num_threads):
    one, _ = take(5)
    other, _ = take(5, num_threads=num_threads)
    for a, b in zip(one, other, strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a)


def test_a_position_is_gone_back_to_exactly():
    whole, _ = take(7)
    _, position = take(4, num_threads=2)
    rest, _ = take(3, num_threads=1, position=position)
    np.testing.assert_array_equal(pixels(rest), pixels(whole[4:]))


def test_another_seed_is_another_order():
    assert not np.array_equal(pixels(take(1)[0]), pixels(take(1, seed=1)[0]))


@pytest.mark.parametrize("batch_size", [1, 7, 100, 360, 512])
def test_evaluation_gives_every_image_once_whatever_the_batch_size(batch_size):
    batches = list(eval_batches(Digits("test"), batch_size=batch_size))
    assert {len(batch["label"]) for batch in batches} == {batch_size}
    images = np.concatenate([batch["image"][batch["real"]] for batch in batches])
    source = Digits("test")
    assert np.array_equal(images, np.stack([source[i]["image"] for i in range(360)]))
