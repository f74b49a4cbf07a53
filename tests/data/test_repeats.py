import numpy as np
import pytest

from vit_jax.data.repeats import repeated_places


def test_without_repeats_places_count_on():
    epochs, places = repeated_places(np.arange(200), length=100, repeats=1)
    np.testing.assert_array_equal(epochs, np.arange(200) // 100)
    np.testing.assert_array_equal(places, np.arange(200) % 100)


@pytest.mark.parametrize("repeats", [2, 3])
def test_copies_follow_each_other(repeats):
    epochs, places = repeated_places(np.arange(1000), length=300, repeats=repeats)
    first = places[epochs == 0]
    assert len(first) == 256
    np.testing.assert_array_equal(first, np.arange(256) // repeats)


def test_a_part_of_the_stream_is_what_the_whole_says():
    whole = repeated_places(np.arange(1000), length=300, repeats=3)
    part = repeated_places(np.arange(400, 500), length=300, repeats=3)
    for a, b in zip(whole, part, strict=True):
        np.testing.assert_array_equal(a[400:500], b)
