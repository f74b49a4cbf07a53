import dataclasses
import hashlib
import itertools

import numpy as np
import pytest

from tests.data.photographs import Photographs, damage
from vit_jax.data.decode import open_image
from vit_jax.data.order import Shard, Shuffled, permute, random_numbers
from vit_jax.data.pipeline import train_batches
from vit_jax.data.repeats import repeated_places
from vit_jax.data.transforms import TrainCrop
from vit_jax.errors import InputError

PHOTOS = Photographs(50)

ignore_broken = pytest.mark.filterwarnings("ignore::vit_jax.errors.InputWarning")


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Gives for an image the random numbers that a crop of it would be made with."""

    is_random = True
    image_shape = (2, 4, 1)

    def __call__(self, image, rng=None):
        open_image(image, "pil").read(3)  # raises where it is broken
        return rng.bit_generator.random_raw(1).view(np.uint8).reshape(2, 4, 1)


def take(count, *, source=PHOTOS, position=None, batch_size=16, **options):
    """Returns batches of photographs, each of which comes three times."""
    options = {"num_threads": 0, "transform": TrainCrop(16), "repeats": 3, **options}
    batches = train_batches(source, batch_size=batch_size, seed=5, **options)
    try:
        if position is not None:
            batches.set_state(position)
        return [next(batches) for _ in range(count)]
    finally:
        batches.close()


def digest(arrays):
    """Returns the beginning of a hash of arrays."""
    content = b"".join(array.tobytes() for array in arrays)
    return hashlib.sha256(content).hexdigest()[:16]


def assert_equal(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        for key in a:
            np.testing.assert_array_equal(a[key], b[key])


@pytest.mark.parametrize("length", [100, 300])
def test_without_repeats_places_count_on(length):
    epochs, places, copies = repeated_places(np.arange(1000), length=length, repeats=1)
    np.testing.assert_array_equal(epochs, np.arange(1000) // length)
    np.testing.assert_array_equal(places, np.arange(1000) % length)
    assert not copies.any()


@pytest.mark.parametrize("repeats", [2, 3])
def test_copies_follow_each_other(repeats):
    epochs, places, copies = repeated_places(
        np.arange(1000), length=300, repeats=repeats
    )
    first = places[epochs == 0]
    assert len(first) == 256
    np.testing.assert_array_equal(first, np.arange(256) // repeats)
    np.testing.assert_array_equal(copies[epochs == 0], np.arange(256) % repeats)


def test_a_part_of_the_stream_is_what_the_whole_says():
    whole = repeated_places(np.arange(1000), length=300, repeats=3)
    part = repeated_places(np.arange(400, 500), length=300, repeats=3)
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a[400:500], b)


@ignore_broken
def test_without_repeats_the_stream_is_what_it_was_before_there_were_any():
    """The hashes were taken then: of the order, of the numbers, and of batches."""
    plan = Shuffled(300, 16, 3)
    assert digest(x for n in range(100) for x in plan(n)[:2]) == "8a4f0c9398077988"
    drawn = (
        random_numbers(s, e, i, purpose=p).bit_generator.random_raw(5)
        for s, e, i, p in np.ndindex(2, 3, 4, 3)
    )
    assert digest(drawn) == "a2de50ae90a38e44"
    batches = take(
        10,
        source=Photographs(50, (7, 23)),
        transform=Numbers(),
        max_broken=0.2,
        repeats=1,
    )
    keys = ("index", "label", "real", "image")
    assert digest(batch[key] for batch in batches for key in keys) == "88245517ebf28756"


def test_copies_have_numbers_of_their_own():
    drawn = {
        random_numbers(*key[:3], purpose=key[3], copy=key[4]).random(4).tobytes()
        for key in np.ndindex(2, 2, 5, 3, 4)
    }
    assert len(drawn) == 2 * 2 * 5 * 3 * 4


def test_an_epoch_takes_each_of_its_images_three_times_in_a_row():
    plan = Shuffled(600, 64, 7, repeats=3)
    places = [plan(number) for number in range(16)]
    epochs, indices, copies = (np.concatenate(x) for x in zip(*places, strict=True))
    for epoch in (0, 1):  # of 512 places: 170 images, and two copies of one more
        found = indices[epochs == epoch]
        expected = permute(np.arange(171), 600, 7, epoch).repeat(3)[:512]
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(copies[epochs == epoch], np.arange(512) % 3)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_shards_are_the_rows_of_the_whole_batch(count):
    parts = [take(8, shard=Shard(i, count)) for i in range(count)]
    joined = [
        {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}
        for batches in zip(*parts, strict=True)
    ]
    assert_equal(joined, take(8))


@pytest.mark.parametrize(
    "options", [{}, {"num_threads": 3}, {"num_workers": 2}], ids=str
)
def test_the_stream_is_the_same_whoever_makes_it_and_wherever_it_starts(options):
    assert_equal(take(5, **options, position={"next_index": 3}), take(8)[3:])


def test_each_copy_is_cropped_anew():
    batches = take(6, batch_size=24)
    whole = {key: np.concatenate([b[key] for b in batches]) for key in batches[0]}
    for at in range(0, 48, 3):  # an epoch of 50 places: 16 images and a part of one
        assert len(set(whole["index"][at : at + 3])) == 1
        assert len({image.tobytes() for image in whole["image"][at : at + 3]}) == 3


@ignore_broken
def test_one_image_stands_in_for_all_copies_of_a_broken_one_cropped_anew():
    source = Photographs(48, damage(48, 8))
    options = {"source": source, "max_broken": 0.5, "batch_size": 48}
    batches = take(6, **options)
    met = 0
    for batch in batches:
        assert batch["real"].all()
        for at in range(0, 48, 3):
            rows = slice(at, at + 3)
            if batch["index"][at] in source.damaged:
                met += 1
                assert len(set(batch["label"][rows])) == 1
                assert batch["label"][at] not in source.damaged
            assert len({image.tobytes() for image in batch["image"][rows]}) == 3
    assert met > 8
    assert_equal(take(6, **options, num_threads=2), batches)


def test_a_broken_image_is_named_once_for_all_its_copies():
    batches = train_batches(
        Photographs(48, (7,)),
        batch_size=48,
        seed=0,
        num_threads=0,
        transform=TrainCrop(16),
        max_broken=0.5,
        repeats=3,
    )
    with pytest.warns(match=r"photos/7\.jpg") as said:
        list(itertools.islice(batches, 8))
    assert len(said) == 1
    assert batches.broken.indices == (7,)


@pytest.mark.parametrize(
    ("repeats", "told"),
    [(0, "repeats=0; at least 1"), (-1, "repeats=-1"), (51, "Choose at most 50")],
)
def test_what_cannot_be_repeated_is_refused(repeats, told):
    with pytest.raises(InputError, match=told):
        take(1, repeats=repeats)
