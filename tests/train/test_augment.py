import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from vit_jax.errors import InputError
from vit_jax.pixels import HALF, Pixels, normalise
from vit_jax.train.augment import plan as plans
from vit_jax.train.augment.augment import DRAWS, augment
from vit_jax.train.augment.choose import choose_rand_augment
from vit_jax.train.augment.config import AugmentConfig
from vit_jax.train.augment.draw import beta, between, uniform
from vit_jax.train.augment.erasing import draw_boxes
from vit_jax.train.augment.mix import draw_mix
from vit_jax.train.augment.policies import parse_rand_augment
from vit_jax.train.augment.warp import warp

KEY = jax.random.key(0)
LEVELS = np.random.default_rng(0).integers(0, 256, (16, 12, 10, 3), np.uint8)
IMAGES = jnp.asarray(LEVELS)
TARGETS = jax.nn.one_hot(jnp.arange(16) % 10, 10)

EACH = {
    "flip": AugmentConfig(flip=True),
    "flip_vertical": AugmentConfig(flip_vertical=True),
    "pad_crop": AugmentConfig(pad_crop=3),
    "pad_crop zero": AugmentConfig(pad_crop=3, pad_mode="zero"),
    "rand_augment": AugmentConfig(rand_augment="rand-m9-n3-p1.0-mstd0.5-inc1"),
    "auto_augment": AugmentConfig(auto_augment="v0-mstd0.5"),
    "three_augment": AugmentConfig(three_augment=True),
    "colour_jitter": AugmentConfig(colour_jitter=(0.4, 0.4, 0.4, 0.1)),
    "grayscale": AugmentConfig(grayscale=0.5),
    "warp": AugmentConfig(shift=0.1, rotate=10, scale=0.1),
    "erase const": AugmentConfig(erase=0.7),
    "erase rand": AugmentConfig(erase=0.7, erase_mode="rand", erase_count=3),
    "erase pixel": AugmentConfig(erase=0.7, erase_mode="pixel"),
}
MIXES = {
    "mixup": AugmentConfig(mixup=0.8),
    "cutmix": AugmentConfig(cutmix=1.0),
    "both": AugmentConfig(mixup=0.8, cutmix=1.0, mix_mode="elem"),
    "pairs": AugmentConfig(mixup=0.8, cutmix=1.0, mix_mode="pair", mix_prob=0.8),
    "minmax": AugmentConfig(cutmix_minmax=(0.2, 0.8), mix_mode="elem"),
}


@functools.cache
def compiled(config):
    return jax.jit(functools.partial(augment, config=config, pixels=HALF))


def change(config, images=IMAGES, key=KEY, targets=TARGETS, positions=None):
    if positions is None:
        positions = jnp.arange(len(images))
    return compiled(config)(images, targets, key=key, positions=positions)


def test_nothing_asked_is_nothing_done():
    images, targets = change(AugmentConfig())
    assert images.dtype == jnp.float32
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(targets, TARGETS)


@pytest.mark.parametrize("config", (EACH | MIXES).values(), ids=EACH | MIXES)
def test_each_is_a_function_of_its_key(config):
    one, targets = change(config)
    again, _ = change(config)
    np.testing.assert_array_equal(one, again)
    other, _ = change(config, key=jax.random.key(9))
    assert not np.allclose(one, other)
    assert not np.allclose(one, IMAGES)
    assert one.shape == IMAGES.shape
    np.testing.assert_allclose(targets.sum(-1), 1, rtol=1e-6)


@pytest.mark.parametrize("config", EACH.values(), ids=EACH)
def test_two_halves_changed_apart_are_the_whole(config):
    """An image's changes are those of its position, whatever the batch is."""
    whole, _ = change(config)
    halves = [
        change(
            config, IMAGES[part], targets=TARGETS[part], positions=jnp.arange(16)[part]
        )[0]
        for part in (slice(0, 8), slice(8, 16))
    ]
    np.testing.assert_array_equal(whole, jnp.concatenate(halves))


ALL = AugmentConfig(
    flip=True,
    pad_crop=2,
    rand_augment="rand-m9-n3-mstd0.5-inc1",
    colour_jitter=(0.4, 0.4, 0.4, 0.1),
    shift=0.1,
    erase=0.5,
    mixup=0.8,
    cutmix=1.0,
)


@pytest.mark.slow
@pytest.mark.parametrize("config", [ALL, *MIXES.values()], ids=["all", *MIXES])
def test_two_devices_change_a_batch_as_one_does(config):
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
    split = NamedSharding(mesh, PartitionSpec("data"))
    one = change(config)
    two = change(
        config, jax.device_put(IMAGES, split), targets=jax.device_put(TARGETS, split)
    )
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-4)


def test_draws_are_those_of_jax_for_the_whole_batch():
    """What a seed meant before images had positions, it still means."""
    np.testing.assert_array_equal(
        uniform(KEY, jnp.arange(16), 3), jax.random.uniform(KEY, (16, 3))
    )
    np.testing.assert_array_equal(
        between(uniform(KEY, jnp.arange(16), 1)[:, 0], -1, 1),
        jax.random.uniform(KEY, (16,), minval=-1, maxval=1),
    )
    three = jax.random.split(KEY, 3)
    assert DRAWS[:3] == ("flip", "warp", "mix")
    for i in range(3):
        assert jax.random.fold_in(KEY, i) == three[i]


def test_a_seed_gives_the_same_images_for_ever():
    """On every version of jax; some levels of rounding are let through."""
    images, targets = change(ALL)
    # A fingerprint: one pixel in ten changed anew would move it by 30.
    weights = np.random.default_rng(1).normal(size=images.shape)
    marks = (np.asarray(images, np.float64).mean(), (images * weights).mean() * 100)
    assert marks == pytest.approx(FINGERPRINT, abs=0.05)
    assert targets[:3, 0] == pytest.approx(SHARES, abs=1e-5)


FINGERPRINT, SHARES = (115.144, -93.960), (0.925, 0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "random"])
def test_one_after_the_other_or_all_at_once_is_the_same(interpolation):
    """What a CPU does, and what an accelerator does."""
    policy = parse_rand_augment("rand-m9-n4-mstd0.5-inc1-p0.9")
    images = jnp.tile(IMAGES, (8, 1, 1, 1))
    plan = choose_rand_augment(policy, KEY, jnp.arange(128), size=(12, 10))
    turns = {"chosen": plan.chosen, "argument": plan.argument, "cubic": plan.cubic}

    def how(**arrays):
        return plans.Turn(
            operations=plan.operations,
            fill=(1, 2, 3),
            interpolation=interpolation,
            **arrays,
        )

    one, other = (
        jax.jit(lambda i, t, run=run: run(i, t, how=how))(images, turns)
        for run in (plans.one_by_one, plans.all_at_once)
    )
    difference = np.abs(np.asarray(one, int) - other)
    assert (difference > 0).mean() < 1e-3


def test_about_half_are_mirrored_and_the_others_left():
    for field, axis in (("flip", 2), ("flip_vertical", 1)):
        flipped, _ = change(AugmentConfig(**{field: True}))
        mirrored = (flipped == jnp.flip(IMAGES, axis)).all((1, 2, 3))
        assert (mirrored != (flipped == IMAGES).all((1, 2, 3))).all()
        assert 4 <= mirrored.sum() <= 12


@pytest.mark.slow
def test_grey_images_are_changed_too():
    """Where there is no colour to change, colour stays."""
    grey = IMAGES[..., :1]
    for name in ("rand_augment", "auto_augment", "three_augment", "colour_jitter"):
        pixels = Pixels((0.5,), (0.5,))
        changed, _ = augment(grey, TARGETS, EACH[name], KEY, pixels=pixels)
        assert changed.shape == grey.shape
        assert not np.allclose(changed, grey)
    colourless = augment(
        grey, TARGETS, AugmentConfig(grayscale=1.0), KEY, pixels=Pixels((0.5,), (0.5,))
    )
    np.testing.assert_array_equal(colourless[0], grey)


def test_other_channels_are_refused_where_colours_count():
    images, pixels = jnp.zeros((16, 8, 8, 5), jnp.uint8), Pixels((0.5,) * 5, (0.5,) * 5)
    with pytest.raises(InputError, match="images of 5 channels have no colours for"):
        augment(images, TARGETS, EACH["three_augment"], KEY, pixels=pixels)
    augment(images, TARGETS, AugmentConfig(flip=True, erase=1.0), KEY, pixels=pixels)


def test_more_padding_by_reflection_than_pixels_is_refused():
    with pytest.raises(InputError, match=r"12x10 have: choose at most 9"):
        change(AugmentConfig(pad_crop=10))
    change(AugmentConfig(pad_crop=10, pad_mode="zero"))


def test_a_crop_without_a_shift_is_the_image():
    """Each of the 49 places is as likely, and the middle one changes nothing."""
    images = jnp.tile(IMAGES, (64, 1, 1, 1))
    targets = jnp.tile(TARGETS, (64, 1))
    cropped, _ = change(AugmentConfig(pad_crop=3), images, targets=targets)
    same = (cropped == images).all((1, 2, 3)).mean()
    assert same == pytest.approx(1 / 49, abs=0.015)


def test_erased_are_the_mean_colour_or_noise_of_the_datas_deviation():
    images = jnp.full((64, 32, 32, 3), 255, jnp.uint8)
    targets = jnp.tile(TARGETS, (4, 1))
    pixels = Pixels((0.2, 0.3, 0.4), (0.1, 0.2, 0.3))
    for mode in ("const", "rand", "pixel"):
        config = AugmentConfig(erase=1.0, erase_mode=mode)
        erased, _ = augment(images, targets, config, KEY, pixels=pixels)
        values = np.asarray(normalise(erased, pixels))
        values = values[(np.asarray(erased) != 255).any(-1)]
        assert 0.02 < len(values) / (64 * 32 * 32) < 1 / 3
        assert values.std(0) == pytest.approx(0 if mode == "const" else 1, abs=0.35)
        assert values.mean(0) == pytest.approx(0, abs=0.4)


def test_as_many_are_erased_as_asked():
    boxes = draw_boxes(KEY, jnp.arange(4000), prob=0.25, count=3, size=(32, 32))
    numbers = np.bincount((boxes[..., 2] > 0).sum(1), minlength=4) / 4000
    np.testing.assert_allclose(numbers, [0.75, *[0.25 / 3] * 3], atol=0.02)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_of_mixup_are_betas(alpha):
    shares = beta(jax.random.uniform(KEY, (4000,)), alpha)
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(shares.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.06)


def test_mixup_mixes_images_and_targets_by_one_share():
    images, targets = change(AugmentConfig(mixup=0.5))
    share = targets[0, 0]  # image 0 is of class 0, its mirror of class 5
    assert 0 < share < 1
    expected = share * IMAGES.astype(jnp.float32) + (1 - share) * IMAGES[::-1]
    np.testing.assert_allclose(images, expected, rtol=1e-5)


def test_mixes_are_drawn_as_often_as_asked():
    config = AugmentConfig(
        mixup=1.0, cutmix=1.0, mix_mode="elem", mix_prob=0.8, mix_switch_prob=0.3
    )
    how = draw_mix(config, KEY, jnp.arange(4000), size=(32, 32))
    assert float(how.cut.mean()) == pytest.approx(0.8 * 0.3, abs=0.02)
    assert float((how.share == 1).mean()) == pytest.approx(0.2, abs=0.02)
    pairs = draw_mix(
        dataclasses.replace(config, mix_mode="pair"), KEY, jnp.arange(16), size=(32, 32)
    )
    for of_image in pairs:
        np.testing.assert_array_equal(of_image, of_image[::-1])
    assert len(np.unique(pairs.share)) > 3


def test_a_warp_by_nothing_changes_nothing():
    nothing = {"angle": jnp.zeros(16), "stretch": jnp.ones((16, 2))}
    images = IMAGES.astype(jnp.float32)
    warped = warp(images, **nothing, move=jnp.zeros((16, 2)))
    np.testing.assert_allclose(warped, images, atol=1e-3)


def test_a_move_brings_in_black_and_keeps_the_rest():
    """Moved by exactly one row and two columns, every pixel stays what it was."""
    images = IMAGES.astype(jnp.float32) + 1
    move = jnp.tile(jnp.array([[1.0, 2.0]]), (16, 1))
    warped = warp(images, angle=jnp.zeros(16), stretch=jnp.ones((16, 2)), move=move)
    np.testing.assert_allclose(warped[:, :-1, :-2], images[:, 1:, 2:], atol=1e-3)
    assert not warped[:, -1].any()
    assert not warped[:, :, -2:].any()


def test_a_quarter_turn_is_a_quarter_turn():
    images = IMAGES[:, :10].astype(jnp.float32)
    angle, inner = jnp.full(16, jnp.pi / 2), slice(1, -1)  # the rim is rounded away
    warped = warp(
        images, angle=angle, stretch=jnp.ones((16, 2)), move=jnp.zeros((16, 2))
    )
    turned = np.stack([np.rot90(image, -1) for image in images])
    np.testing.assert_allclose(
        warped[:, inner, inner], turned[:, inner, inner], atol=0.05
    )
