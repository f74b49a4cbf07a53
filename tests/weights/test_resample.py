import itertools
from typing import get_args

import ml_dtypes
import numpy as np
import pytest

from vit_jax.errors import InputError
from vit_jax.weights.resample import (
    RESAMPLINGS,
    Resampling,
    find_weights,
    resample_patches,
    resample_positions,
    resample_relative_bias,
)

each = pytest.mark.parametrize("kernel", RESAMPLINGS)


def random_table(rows: int, dtype: type = np.float32) -> np.ndarray:
    """Returns rows of no order."""
    rng = np.random.default_rng(rows)
    return rng.standard_normal((rows, 6), np.float32).astype(dtype)


def test_every_name_of_the_type_is_in_the_table():
    assert set(get_args(Resampling)) == RESAMPLINGS.keys()


@each
def test_equal_grids_return_the_table_itself(kernel):
    table = random_table(6)
    assert resample_positions(table, (2, 3), (2, 3), kernel) is table


@each
@pytest.mark.parametrize("new", [(9, 9), (3, 3), (2, 7), (1, 1)])
def test_a_constant_stays_constant(kernel, new):
    table = np.full((25, 2), 3, np.float32)
    resampled = resample_positions(table, (5, 5), new, kernel)
    np.testing.assert_allclose(resampled, np.full((new[0] * new[1], 2), 3), rtol=1e-6)


@each
def test_rows_and_columns_are_not_mixed_up(kernel):
    """A table that changes along the columns alone still does."""
    table = np.tile(np.arange(4, dtype=np.float32), 3)[:, None]
    grid = resample_positions(table, (3, 4), (5, 9), kernel).reshape(5, 9)
    np.testing.assert_allclose(grid, np.tile(grid[0], (5, 1)), atol=1e-5)
    assert (np.diff(grid[0, 1:-1]) > 0).all()


@each
@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16])
def test_the_dtype_is_kept_and_computing_is_in_float32(kernel, dtype):
    table = random_table(16, dtype)
    resampled = resample_positions(table, (4, 4), (6, 3), kernel)
    assert resampled.dtype == dtype
    exact = resample_positions(table.astype(np.float32), (4, 4), (6, 3), kernel)
    assert resampled.tobytes() == exact.astype(dtype).tobytes()


PAIRS = [
    pair
    for pair in itertools.combinations(RESAMPLINGS, 2)
    if pair != ("timm", "dinov2_reg")  # the same kernel, of other publishers
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_no_two_resamplings_are_alike(one, other):
    """Taking one for another shows: by 1% of the largest value and more."""
    table = random_table(14 * 14)
    first, second = (
        np.concatenate(
            [
                resample_positions(table, (14, 14), new, name)
                for new in ((24, 24), (7, 7))
            ]
        )
        for name in (one, other)
    )
    assert np.abs(first - second).max() > 1e-2 * np.abs(first).max()


@pytest.mark.parametrize("new", [(8, 8), (12, 6), (5, 4)])
def test_enlarged_patches_give_the_same_tokens(new):
    """FlexiViT's claim: kernel and patch, both enlarged, give what they gave."""
    old, channels = (4, 4), 3
    kernel = random_table(16 * channels)
    patches = random_table(5 * 16 * channels // 6).reshape(5, 16, channels)
    enlarged = np.stack([resample_positions(p, old, new, "timm") for p in patches])
    resampled = resample_patches(kernel, old, new)
    tokens = patches.reshape(5, -1) @ kernel
    np.testing.assert_allclose(
        enlarged.reshape(5, -1) @ resampled, tokens, atol=1e-5 * np.abs(tokens).max()
    )


def test_the_class_token_s_relative_positions_stay():
    table = random_table(3 * 5 + 3)
    resampled = resample_relative_bias(table, (2, 3), (4, 4))
    assert resampled.shape == (7 * 7 + 3, 6)
    assert np.array_equal(resampled[-3:], table[-3:])
    # No distance at all is the middle of both.
    np.testing.assert_allclose(resampled[24], table[7], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_weights("tim", "positions"), "'tim'. Perhaps you meant timm"),
        (lambda: find_weights("dino", "patches"), "timm, google, timm_npz have"),
        (lambda: find_weights("google", "relative"), "timm, huggingface have"),
        (
            lambda: resample_positions(random_table(5), (2, 2), (3, 3), "timm"),
            "5 rows are not one for each cell of 2 x 2",
        ),
        (
            lambda: resample_relative_bias(random_table(9), (2, 2), (3, 3)),
            "6 rows are not one for each cell of 3 x 3",
        ),
    ],
)
def test_what_cannot_be_resampled_says_why(call, message):
    with pytest.raises(InputError, match=message):
        call()
