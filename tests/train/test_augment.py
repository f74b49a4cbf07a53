import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vit_jax.train.augment import augment, flip, mixup, warp
from vit_jax.train.config import AugmentConfig

KEY = jax.random.key(0)
IMAGES = jax.random.uniform(jax.random.key(1), (16, 8, 6, 3)) * 255
TARGETS = jax.nn.one_hot(jnp.arange(16) % 10, 10)


def test_nothing_asked_is_nothing_done():
    images, targets = augment(IMAGES, TARGETS, AugmentConfig(), KEY)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(targets, TARGETS)


def test_about_half_are_mirrored_and_the_others_left():
    flipped = flip(IMAGES, KEY)
    mirrored = [
        np.array_equal(a, b[:, ::-1]) for a, b in zip(flipped, IMAGES, strict=True)
    ]
    same = [np.array_equal(a, b) for a, b in zip(flipped, IMAGES, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert 4 <= sum(mirrored) <= 12


def test_a_warp_by_nothing_changes_nothing():
    warped = warp(IMAGES, AugmentConfig(), KEY)
    np.testing.assert_allclose(warped, IMAGES, atol=1e-3)


def test_a_move_brings_in_black_and_keeps_the_rest(monkeypatch):
    """Moved by exactly one row and two columns, every pixel stays what it was."""
    amounts = iter([jnp.zeros(16), jnp.zeros((16, 2)), jnp.ones((16, 2))])
    monkeypatch.setattr(jax.random, "uniform", lambda *_, **__: next(amounts))
    images = jnp.asarray(np.random.default_rng(0).uniform(1, 255, (16, 8, 8, 1)))
    warped = warp(images, AugmentConfig(shift=0.125), KEY)
    np.testing.assert_allclose(warped[:, :-1, :-1], images[:, 1:, 1:], atol=1e-3)
    assert not warped[:, -1].any()


def test_a_quarter_turn_is_a_quarter_turn(monkeypatch):
    amounts = iter([jnp.ones(16), jnp.zeros((16, 2)), jnp.zeros((16, 2))])
    monkeypatch.setattr(jax.random, "uniform", lambda *_, **__: next(amounts))
    images = IMAGES[:, :6]
    warped = warp(images, AugmentConfig(rotate=90), KEY)
    turned = [np.rot90(image, k) for image in images for k in (1, -1)]
    expected = np.stack(turned[::2]), np.stack(turned[1::2])
    inner = (slice(None), slice(1, -1), slice(1, -1))  # the rim is rounded away
    errors = [np.abs(warped[inner] - e[inner]).max() for e in expected]
    assert min(errors) < 0.05


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_of_mixup_are_betas(alpha):
    keys = jax.random.split(KEY, 4000)
    one = jnp.ones((2, 1, 1, 1)) * jnp.array([1.0, 0.0]).reshape(2, 1, 1, 1)
    shares = jax.vmap(lambda key: mixup(one, TARGETS[:2], alpha, key)[0][0, 0, 0, 0])(
        keys
    )
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(shares.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.06)


def test_mixup_mixes_images_and_targets_by_one_share():
    images, targets = mixup(IMAGES, TARGETS, 0.5, KEY)
    share = (targets[0, 0] - 0) / 1  # image 0 is of class 0, its mirror of class 5
    assert 0 < share < 1
    np.testing.assert_allclose(
        images, share * IMAGES + (1 - share) * IMAGES[::-1], rtol=1e-5
    )
    np.testing.assert_allclose(targets.sum(-1), 1, rtol=1e-6)


@pytest.mark.parametrize("field", ["shift", "rotate", "scale", "mixup", "flip"])
def test_each_is_a_function_of_its_key(field):
    config = dataclasses.replace(
        AugmentConfig(), **{field: True if field == "flip" else 0.5}
    )
    one, _ = augment(IMAGES, TARGETS, config, KEY)
    np.testing.assert_array_equal(one, augment(IMAGES, TARGETS, config, KEY)[0])
    other, _ = augment(IMAGES, TARGETS, config, jax.random.key(9))
    assert not np.allclose(one, other)
    assert not np.allclose(one, IMAGES)
