import numpy as np
import pytest

from vit_jax.data.order import InTurn, Shard, Shuffled, permute, random_numbers
from vit_jax.errors import InputError


@pytest.mark.parametrize("length", [1, 2, 3, 5, 16, 17, 100, 1437, 4096, 50_000])
def test_a_permutation_has_every_number_once(length):
    for seed, epoch in ((0, 0), (0, 1), (2**64 - 1, 7)):
        found = permute(np.arange(length), length, seed, epoch)
        assert np.array_equal(np.sort(found), np.arange(length))


@pytest.mark.parametrize("length", [3, 7, 10])
def test_every_image_is_as_likely_at_every_place(length):
    """Chi-squared of (place, image) and of neighbouring images, over 4,000 epochs."""
    epochs = 4000
    orders = np.stack(
        [permute(np.arange(length), length, 1, epoch) for epoch in range(epochs)]
    )
    counts = np.zeros((length, length))
    np.add.at(counts, (np.arange(length)[None].repeat(epochs, 0), orders), 1)
    expected = epochs / length
    degrees = (length - 1) ** 2
    assert ((counts - expected) ** 2 / expected).sum() < degrees + 5 * degrees**0.5 * 2
    follows = np.zeros((length, length))
    np.add.at(follows, (orders[:, :-1].ravel(), orders[:, 1:].ravel()), 1)
    pairs = follows[~np.eye(length, dtype=bool)]
    expected = epochs / length
    degrees = len(pairs) - 1
    assert ((pairs - expected) ** 2 / expected).sum() < degrees + 5 * degrees**0.5 * 2


def test_a_set_too_large_for_a_table_is_shuffled_at_once():
    length = 10**15
    found = permute(np.arange(1000), length, 0, 0)
    assert len(set(found.tolist())) == 1000
    assert found.min() >= 0
    assert found.max() < length
    # Spread evenly: the mean of 1,000 of them is off by 0.9 % in one of three cases.
    assert abs(found.mean() / length - 0.5) < 0.05


def test_seeds_and_epochs_do_not_share_orders():
    """Epoch 1 of seed 0 is not epoch 0 of seed 1, as where the two are added up."""
    found = {
        (seed, epoch): tuple(permute(np.arange(20), 20, seed, epoch))
        for seed in range(4)
        for epoch in range(4)
    }
    assert len(set(found.values())) == 16


def test_random_numbers_are_a_function_of_their_place_alone():
    draws = {
        key: random_numbers(*key[:3], purpose=key[3]).random(4).tobytes()
        for key in np.ndindex(2, 2, 50, 3)
    }
    assert len(set(draws.values())) == len(draws)
    again = random_numbers(1, 1, 49, purpose=2).random(4).tobytes()
    assert draws[1, 1, 49, 2] == again


@pytest.mark.parametrize("count", [1, 2, 4])
def test_shards_are_the_rows_of_the_whole_batch_in_order(count):
    for number in range(7):  # 7 x 8 of 10 images: over the ends of five epochs
        whole = Shuffled(10, 8, 3)(number)
        parts = [Shuffled(10, 8, 3, Shard(i, count))(number) for i in range(count)]
        for ours, theirs in zip(zip(*parts, strict=True), whole, strict=True):
            np.testing.assert_array_equal(np.concatenate(ours), theirs)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("length", [1, 3, 8, 9, 31])
def test_in_turn_every_image_comes_once_over_all_shards(count, length):
    plans = [InTurn(length, 8, Shard(i, count)) for i in range(count)]
    assert {plan.num_batches for plan in plans} == {-(-length // 8)}
    found = np.concatenate(
        [p(n).indices for n in range(plans[0].num_batches) for p in plans]
    )
    assert found[:length].tolist() == list(range(length))
    assert set(found[length:].tolist()) <= {-1}


def test_what_cannot_be_divided_is_refused():
    with pytest.raises(InputError, match="9 does not divide over 2 processes"):
        Shard(0, 2).rows(9)
    with pytest.raises(InputError, match="no shard 2 of 2"):
        Shard(2, 2)
