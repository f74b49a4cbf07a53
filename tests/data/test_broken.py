import collections
import warnings

import numpy as np
import pytest

from tests.data.photographs import Photographs, damage
from vit_jax.data.memory import hold
from vit_jax.data.order import Shard
from vit_jax.data.pipeline import eval_batches, train_batches
from vit_jax.data.transforms import EvalCrop, TrainCrop
from vit_jax.errors import InputError, InputWarning

pytestmark = pytest.mark.filterwarnings("ignore::vit_jax.errors.InputWarning")


def train(source, *, epochs=2, batch_size=25, **options):
    """Returns the batches of some epochs, and what was found broken."""
    options = {"num_threads": 0, "max_broken": 0.2, **options}
    transform = options.pop("transform", TrainCrop(16))
    batches = train_batches(
        source, batch_size=batch_size, seed=0, transform=transform, **options
    )
    count = epochs * len(source) // batch_size
    try:
        return [next(batches) for _ in range(count)], batches.broken
    finally:
        batches.close()


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
def test_a_run_finishes_and_counts_exactly(share):
    length = 1000
    source = Photographs(length, damage(length, round(share * length)))
    options = ({"num_threads": 0}, {"num_threads": 4})
    runs = [train(source, batch_size=100, **each) for each in options]
    for batches, broken in runs:
        assert sorted(broken.indices) == list(source.damaged)
        assert all(batch["real"].all() for batch in batches)
        for epoch in (batches[:10], batches[10:]):
            index = np.concatenate([batch["index"] for batch in epoch])
            label = np.concatenate([batch["label"] for batch in epoch])
            assert sorted(index) == list(range(length))
            assert set(index[index != label]) == set(source.damaged)
            assert not set(label) & set(source.damaged)
    for a, b in zip(runs[0][0], runs[1][0], strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a)


def test_worker_processes_bring_their_counts_home():
    source = Photographs(60, damage(60, 6))
    here, broken_here = train(source, batch_size=20)
    there, broken_there = train(source, batch_size=20, num_workers=2)
    assert broken_here.indices == broken_there.indices
    assert sorted(broken_there.indices) == list(source.damaged)
    for a, b in zip(here, there, strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a)


def test_every_host_counts_what_it_met_and_the_batches_are_the_same():
    source = Photographs(80, damage(80, 8))
    whole, broken = train(source, batch_size=16, epochs=1)
    shards = [
        train(source, batch_size=16, epochs=1, shard=Shard(i, 4)) for i in range(4)
    ]
    found = [index for _, part in shards for index in part.indices]
    assert sorted(found) == sorted(broken.indices)
    for number, batch in enumerate(whole):
        parts = [batches[number] for batches, _ in shards]
        for key in batch:
            joined = np.concatenate([part[key] for part in parts])
            np.testing.assert_array_equal(joined, batch[key])


def test_a_substitute_is_another_one_in_another_epoch():
    source = Photographs(50, (7,))
    batches, _ = train(source, epochs=20)
    stood_in = [
        int(label)
        for batch in batches
        for index, label in zip(batch["index"], batch["label"], strict=True)
        if index == 7
    ]
    assert len(stood_in) == 20
    assert len(collections.Counter(stood_in)) > 10


@pytest.mark.parametrize("options", [{}, {"num_threads": 3}], ids=str)
def test_too_many_stop_the_run_with_the_first_names_and_the_count(options):
    source = Photographs(400, damage(400, 40))
    with pytest.raises(InputError) as caught:
        train(source, max_broken=0.05, **options)
    message = str(caught.value)
    assert message.startswith("21 of the images cannot be decoded")
    assert message.count("photos/") == 10
    assert "and 11 more" in message
    assert "max_broken=0.05" in message


def test_a_collection_that_is_all_broken_stops_in_the_first_batch():
    source = Photographs(10_000, tuple(range(5, 10_000)))
    with pytest.raises(InputError, match="could none be decoded"):
        train(source, epochs=1)
    with pytest.raises(InputError, match=r"65 of the images.*\(200 seen of 10,000\)"):
        train(Photographs(10_000, tuple(range(0, 10_000, 3))), batch_size=100, epochs=1)


def test_strict_stops_at_the_first_and_says_what_is_wrong():
    source = Photographs(50, (7,))
    pattern = r"(?s)1 of the images .*photos/7\.jpg: .*truncated"
    for options in ({}, {"num_threads": 2}):
        with pytest.raises(InputError, match=pattern):
            train(source, max_broken=0.0, **options)


def test_ten_are_named_as_they_come_and_the_rest_is_counted():
    source = Photographs(200, damage(200, 20))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, broken = train(source)
    said = [str(w.message) for w in caught if w.category is InputWarning]
    assert len(said) == 10
    assert len(broken) == 20
    for i, line in zip(broken.indices[:10], said, strict=True):
        assert f"photos/{i}.jpg" in line
    assert "counted, not named" in said[-1]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("num_threads", [0, 2])
def test_evaluation_leaves_broken_images_out_and_no_other(count, num_threads):
    source = Photographs(30, (3, 17))
    seen, broken = [], []
    for i in range(count):
        batches = eval_batches(
            source,
            batch_size=8,
            transform=EvalCrop(16),
            shard=Shard(i, count),
            num_threads=num_threads,
            max_broken=0.1,
        )
        for batch in batches:
            assert not batch["image"][~batch["real"]].any()
            seen += batch["label"][batch["real"]].tolist()
        broken += batches.broken.indices
    assert sorted(seen) == [i for i in range(30) if i not in (3, 17)]
    assert sorted(broken) == [3, 17]


def test_broken_images_are_the_same_in_memory():
    source = Photographs(60, damage(60, 6))
    streamed, broken = train(source, transform=EvalCrop(16))
    held, broken_held = train(hold(source, EvalCrop(16)), transform=None)
    assert broken.indices == broken_held.indices
    for a, b in zip(streamed, held, strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a)
