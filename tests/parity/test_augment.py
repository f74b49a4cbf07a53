"""Operations, policies and mixes equal PIL's, timm's and torchvision's."""

import functools
import random
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import timm.data.auto_augment as theirs
import timm.data.mixup as their_mixup
import timm.data.random_erasing as their_erasing
import torch
import torchvision.transforms.functional as torch_functional
from PIL import Image, ImageFilter
from sklearn.datasets import load_sample_images
from timm.data.distributed_sampler import RepeatAugSampler
from torchvision.transforms import autoaugment

from vit_jax.data.repeats import repeated_places
from vit_jax.train.augment import blur, choose, colour, erasing, geometry, mix, tables
from vit_jax.train.augment.auto_policies import AUTO_POLICIES, CIFAR10
from vit_jax.train.augment.magnitudes import MAGNITUDES
from vit_jax.train.augment.plan import carry_out
from vit_jax.train.augment.policies import parse_auto_augment, parse_rand_augment

FILL = (124, 116, 104)
BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC


@functools.cache
def photographs():
    """Crops of two photographs, noise, a plain image, and one of few levels."""
    china, flower = load_sample_images().images
    rng = np.random.default_rng(0)
    crops = [
        photo[y : y + 64, x : x + 48]
        for photo in (china, flower)
        for y, x in rng.integers(0, 300, (5, 2))
    ]
    noise = rng.integers(0, 256, (64, 48, 3), np.uint8)
    plain = np.full((64, 48, 3), 77, np.uint8)
    few = rng.integers(0, 2, (64, 48, 3), np.uint8) * 3 + 120
    return np.stack([*crops, noise, plain, few])


def all_of(images, value, dtype=np.float32):
    return jnp.full(len(images), value, dtype)


def compare(ours, their_operation, *, worst, share):
    """Asserts that no level differs by more than `worst`, and few differ at all."""
    images = photographs()
    expected = np.stack(
        [np.asarray(their_operation(Image.fromarray(i))) for i in images]
    )
    difference = np.abs(np.asarray(ours, int) - expected.reshape(ours.shape))
    assert difference.max() <= worst
    assert (difference > 0).mean() <= share


def tabled(make, *arguments):
    images = jnp.asarray(photographs())
    return jax.jit(lambda i: tables.look_up(i, make(i, *arguments)))(images)


@pytest.mark.parametrize("threshold", [0, 1, 100, 128, 255, 256])
def test_solarize_equals_pil(threshold):
    ours = tabled(tables.solarize_table, all_of(photographs(), threshold, int))
    compare(ours, lambda i: theirs.solarize(i, threshold), worst=0, share=0)


@pytest.mark.parametrize("add", [0, 33, 110, 128])
def test_solarize_add_equals_timm(add):
    ours = tabled(tables.solarize_add_table, all_of(photographs(), add, int))
    compare(ours, lambda i: theirs.solarize_add(i, add), worst=0, share=0)


@pytest.mark.parametrize("bits", range(1, 9))
def test_posterize_equals_pil(bits):
    ours = tabled(tables.posterize_table, all_of(photographs(), bits, int))
    compare(ours, lambda i: theirs.posterize(i, bits), worst=0, share=0)


def test_posterize_to_no_bits_is_black():
    assert not tabled(tables.posterize_table, all_of(photographs(), 0, int)).any()


def test_invert_and_equalize_equal_pil():
    compare(tabled(tables.invert_table), theirs.invert, worst=0, share=0)
    compare(tabled(tables.equalize_table), theirs.equalize, worst=0, share=0)


def test_auto_contrast_equals_pil():
    """PIL's table is made of doubles whose 255 is at times 254.999..., cut off."""
    ours = tabled(tables.auto_contrast_table)
    compare(ours, theirs.auto_contrast, worst=1, share=2e-3)


@pytest.mark.parametrize("size", [(5, 7), (16, 16), (20, 31)])
def test_tables_of_small_images_equal_pil(size):
    """Where a level holds fewer than one pixel in 255, equalize takes other paths."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (8, *size, 3), np.uint8)
    images //= np.arange(1, 9, dtype=np.uint8)[:, None, None, None]
    for make, operation in (
        (tables.equalize_table, theirs.equalize),
        (tables.invert_table, theirs.invert),
    ):
        ours = tables.look_up(jnp.asarray(images), make(jnp.asarray(images)))
        expected = [np.asarray(operation(Image.fromarray(i))) for i in images]
        np.testing.assert_array_equal(ours, np.stack(expected))


@pytest.mark.parametrize("factor", [0.0, 0.1, 0.37, 0.5, 0.9, 1.0, 1.3, 1.9, 3.0])
@pytest.mark.parametrize(
    ("plain", "operation"),
    [
        (colour.black, theirs.brightness),
        (colour.mean_grey, theirs.contrast),
        (colour.grey, theirs.color),
        (colour.smooth, theirs.sharpness),
    ],
    ids=["brightness", "contrast", "colour", "sharpness"],
)
def test_enhancements_equal_pil(plain, operation, factor):
    """A fused multiply-add rounds once where PIL rounds twice."""
    images = jnp.asarray(photographs())
    enhanced = enhancer(plain)(images, all_of(images, factor))
    compare(enhanced, lambda i: operation(i, factor), worst=1, share=1e-4)


@functools.cache
def enhancer(plain):
    return jax.jit(lambda images, factor: colour.enhance(plain(images), images, factor))


def test_grey_equals_pil():
    ours = colour.grey(jnp.asarray(photographs()))
    compare(ours, lambda i: i.convert("L"), worst=0, share=0)


@pytest.mark.parametrize("factor", [-0.5, -0.3, -0.001, 0.0, 0.07, 0.25, 0.5])
def test_hue_equals_torchvision(factor):
    """Hue is cut off to 8 bits, exactly here, in floats there: 0.5 % is a step away.

    A step of hue is up to 6 grey levels in one channel.
    """
    images = jnp.asarray(photographs())
    ours = jax.jit(colour.turn_hue)(images, all_of(images, factor))
    their_hue = functools.partial(torch_functional.adjust_hue, hue_factor=factor)
    compare(ours, their_hue, worst=6, share=3e-3)


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.4, 0.7, 1.0, 1.3, 1.7, 1.999, 2.0, 5.3])
def test_blur_equals_pil(sigma):
    images = jnp.asarray(photographs())
    change = jax.jit(functools.partial(blur.blur, largest=max(sigma, 2.0)))
    compare(
        change(images, all_of(images, sigma)),
        lambda i: i.filter(ImageFilter.GaussianBlur(sigma)),
        worst=1,
        share=1e-3,
    )


MOVES = {
    "shear_x": (geometry.shear_x_matrix, theirs.shear_x, "x"),
    "shear_y": (geometry.shear_y_matrix, theirs.shear_y, "y"),
    "translate_x": (geometry.translate_x_matrix, theirs.translate_x_abs, "x"),
    "translate_y": (geometry.translate_y_matrix, theirs.translate_y_abs, "y"),
    "translate_x_rel": (
        lambda share: geometry.translate_x_matrix(share * 48),
        theirs.translate_x_rel,
        "x",
    ),
    "rotate": (
        functools.partial(geometry.rotate_matrix, rows=64, columns=48),
        theirs.rotate,
        "xy",
    ),
}


@pytest.mark.parametrize("filter_name", ["bilinear", "bicubic"])
@pytest.mark.parametrize("name", MOVES)
def test_moves_equal_pil(name, filter_name):
    """The share of levels that differ, all by 1, is that of values all but whole."""
    make, operation, axes = MOVES[name]
    # Not round: moved by 0.3, every tenth difference between neighbours gives a whole
    # number, which falls to either side.
    arguments = {
        "rotate": [-29.37, -3.31, 0.0, 17.13],
        "translate_x_rel": [-0.4371, 0.0, 0.1039],
        "translate_x": [-14.2718, -7.0, 0.0, 0.1618, 12.5],
        "translate_y": [-14.2718, -7.0, 0.0, 0.1618, 12.5],
    }.get(name, [-0.2931, -0.0131, 0.0, 0.1713])
    arguments = [float(np.float32(a)) for a in arguments]
    images = jnp.asarray(photographs())
    resample = BILINEAR if filter_name == "bilinear" else BICUBIC
    their_move = functools.partial(operation, fillcolor=FILL, resample=resample)
    for which in {axes, "xy"}:
        move = functools.partial(
            geometry.transform, fill=FILL, interpolation=filter_name, axes=which
        )
        move = jax.jit(move)
        for argument in arguments:
            ours = move(images, make(all_of(images, argument)))
            compare(ours, lambda i, a=argument: their_move(i, a), worst=1, share=1e-3)


def test_each_image_may_have_a_filter_of_its_own():
    images = jnp.asarray(photographs())
    matrices = geometry.rotate_matrix(all_of(images, 20), rows=64, columns=48)
    cubic = jnp.arange(len(images)) % 2 == 0
    mixed = geometry.transform(
        images, matrices, fill=FILL, interpolation="random", cubic=cubic
    )
    for filter_name, which in (("bicubic", cubic), ("bilinear", ~cubic)):
        alone = geometry.transform(
            images, matrices, fill=FILL, interpolation=filter_name
        )
        np.testing.assert_array_equal(mixed[which], alone[which])


@pytest.mark.parametrize("mode", ["reflect", "zero"])
def test_pad_crop_equals_torchvision(mode):
    images = photographs()
    offsets = np.random.default_rng(0).integers(0, 9, (len(images), 2))
    ours = geometry.pad_crop(
        jnp.asarray(images), jnp.asarray(offsets), pad=4, mode=mode
    )
    their_mode = "reflect" if mode == "reflect" else "constant"
    for image, (top, left), crop in zip(images, offsets, ours, strict=True):
        padded = torch_functional.pad(
            Image.fromarray(image), 4, padding_mode=their_mode
        )
        expected = torch_functional.crop(padded, top, left, 64, 48)
        np.testing.assert_array_equal(crop, np.asarray(expected))


@pytest.mark.parametrize("name", sorted(MAGNITUDES))
@pytest.mark.parametrize("negative", [False, True])
def test_magnitudes_equal_timm(name, negative, monkeypatch):
    """At every level, in steps of a quarter, to 10 and beyond."""
    monkeypatch.setattr(random, "random", lambda: 1.0 if negative else 0.0)
    level_fn = theirs.LEVEL_TO_ARG[name]
    levels = np.arange(0, 30.25, 0.25, np.float32)
    row = MAGNITUDES[name]
    sign = jnp.full(len(levels), -1.0 if negative else 1.0)
    ours = jax.jit(lambda level: row.argument(level, sign, (64, 48)))(levels)
    if level_fn is None:
        assert not ours.any()
        return
    hparams = {"translate_const": int(48 * 0.45)}
    expected = np.array([level_fn(float(v), hparams)[0] for v in levels])
    if name.endswith("Rel"):
        expected = expected * (48 if "X" in name else 64)
    if name == "Desaturate":
        expected = np.clip(1 - expected, 0, 1)
    np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=1e-6)


WORDS = [
    "rand",
    "rand-m9-mstd0.5-inc1",
    "rand-m9-n3-mstd0.5",
    "rand-m12-mmax15-p0.7-inc1",
    "rand-m7-mstd101-t3a",
    "rand-m8-n4-tweights-mstd1",
    "rand-m6-n3-t3aw-p1.0",
]


@pytest.mark.parametrize("text", WORDS)
def test_rand_augment_reads_timms_words(text):
    expected = theirs.rand_augment_transform(text, {"img_mean": FILL})
    ours = parse_rand_augment(text)
    assert ours.names == tuple(op.name for op in expected.ops)
    assert ours.num_layers == expected.num_layers
    for op in expected.ops:
        assert (ours.prob, ours.magnitude) == (op.prob, op.magnitude)
        assert ours.magnitude_std == op.magnitude_std
        assert ours.magnitude_max == (op.magnitude_max or 10)
    if expected.choice_weights is not None:
        weights = np.array(ours.weights) / sum(ours.weights)
        np.testing.assert_allclose(weights, expected.choice_weights)


@pytest.mark.parametrize("name", ["original", "originalr", "v0", "v0r"])
def test_auto_augment_policies_are_timms(name):
    expected = theirs.auto_augment_policy(name, {"img_mean": FILL})
    rows = tuple(tuple((o.name, o.prob, o.magnitude) for o in row) for row in expected)
    assert AUTO_POLICIES[name] == rows
    with_noise = theirs.auto_augment_transform(f"{name}-mstd0.5", {"img_mean": FILL})
    ours = parse_auto_augment(f"{name}-mstd0.5")
    assert ours.magnitude_std == with_noise.policy[0][0].magnitude_std == 0.5


def test_the_policy_of_cifar_10_is_torchvisions():
    """In timm's names; what has no magnitude has 0."""
    cifar = autoaugment.AutoAugment(autoaugment.AutoAugmentPolicy.CIFAR10)
    names = {
        "TranslateX": "TranslateXRel",
        "TranslateY": "TranslateYRel",
        "Posterize": "PosterizeOriginal",
    }
    rows = tuple(
        tuple((names.get(name, name), prob, level or 0) for name, prob, level in row)
        for row in cifar.policies
    )
    assert rows == CIFAR10


OPERATIONS = {
    "rotate": theirs.rotate,
    "shear_x": theirs.shear_x,
    "shear_y": theirs.shear_y,
    "translate_x": theirs.translate_x_abs,
    "translate_y": theirs.translate_y_abs,
    "auto_contrast": lambda i, _, **__: theirs.auto_contrast(i),
    "equalize": lambda i, _, **__: theirs.equalize(i),
    "invert": lambda i, _, **__: theirs.invert(i),
    "posterize": lambda i, bits, **__: (
        theirs.posterize(i, int(bits)) if bits else Image.new(i.mode, i.size)
    ),
    "solarize": theirs.solarize,
    "solarize_add": lambda i, add, **__: theirs.solarize_add(i, int(add)),
    "brightness": theirs.brightness,
    "contrast": theirs.contrast,
    "colour": theirs.color,
    "sharpness": theirs.sharpness,
    "blur": theirs.gaussian_blur,
    "hue": lambda i, factor, **__: torch_functional.adjust_hue(i, factor),
}


def carry_out_with_pil(images, plan, resample):
    result = []
    for column, image in enumerate(images):
        now = Image.fromarray(image)
        for row in range(len(plan.chosen)):
            chosen = int(plan.chosen[row, column])
            if chosen >= 0:
                operation = OPERATIONS[plan.operations[chosen]]
                argument = float(plan.argument[row, column])
                now = operation(now, argument, fillcolor=FILL, resample=resample)
        result.append(np.asarray(now))
    return np.stack(result)


def plans(positions):
    key, size = jax.random.key(3), (64, 48)
    for text in ("rand-m9-mstd0.5-inc1", "rand-m8-n4-tweights-mstd1-p1.0"):
        policy = parse_rand_augment(text)
        yield choose.choose_rand_augment(policy, key, positions, size=size)
    for text in ("original-mstd0.5", "v0", "cifar10"):
        policy = parse_auto_augment(text)
        yield choose.choose_auto_augment(policy, key, positions, size=size)
    yield choose.choose_three_augment(key, positions)
    yield choose.choose_colour_jitter((0.4, 0.4, 0.4, 0.1), key, positions)


@pytest.mark.slow
@pytest.mark.parametrize("filter_name", ["bilinear", "bicubic"])
def test_whole_policies_equal_pil_on_the_same_plan(filter_name):
    """Operations follow one another: what differs by 1 may go on to differ by more.

    Most of it is in two images of 65: auto_contrast's levels, and the hue of noise.
    """
    images = np.tile(photographs(), (5, 1, 1, 1))
    for plan in plans(jnp.arange(len(images))):
        ours = jax.jit(
            lambda i, plan=plan: carry_out(
                i, plan, fill=FILL, interpolation=filter_name
            )
        )(jnp.asarray(images))
        resample = BILINEAR if filter_name == "bilinear" else BICUBIC
        expected = carry_out_with_pil(images, plan, resample)
        difference = np.abs(np.asarray(ours, int) - expected)
        assert (difference > 0).mean() < 8e-3
        assert (difference > 1).mean() < (2e-3 if "hue" in plan.operations else 2e-4)


def test_choices_are_as_frequent_as_timms():
    """Each operation, and the noise of magnitudes, over 20,000 images."""
    b = 20_000
    policy = parse_rand_augment("rand-m9-mstd0.5-inc1")
    plan = choose.choose_rand_augment(
        policy, jax.random.key(0), jnp.arange(b), size=(64, 48)
    )
    counts = np.bincount(np.asarray(plan.chosen).ravel() + 1, minlength=16) / (2 * b)
    np.testing.assert_allclose(counts[0], 0.5, atol=0.01)
    np.testing.assert_allclose(counts[1:], 0.5 / 15, atol=0.003)
    both = (plan.chosen[0] == plan.chosen[1]) & (plan.chosen[0] >= 0)
    np.testing.assert_allclose(both.mean(), 0.25 / 15, atol=0.003)
    degrees = plan.argument[plan.chosen == plan.operations.index("rotate")]
    levels = np.abs(np.asarray(degrees)) / 3
    expected = np.clip(np.random.default_rng(0).normal(9, 0.5, b), 0, 10)
    for q in (0.02, 0.1, 0.5, 0.9):
        assert np.quantile(levels, q) == pytest.approx(
            np.quantile(expected, q), abs=0.06
        )
    np.testing.assert_allclose((degrees > 0).mean(), 0.5, atol=0.04)


def test_weighted_choices_are_drawn_without_repeats_as_numpy_does():
    b = 20_000
    policy = parse_rand_augment("rand-n3-tweights-p1.0")
    plan = choose.choose_rand_augment(
        policy, jax.random.key(0), jnp.arange(b), size=(64, 48)
    )
    chosen = np.asarray(plan.chosen)
    assert all(len(set(column)) == 3 for column in chosen[:, :500].T)
    weights = np.array(policy.weights) / sum(policy.weights)
    rng = np.random.default_rng(0)
    expected = np.stack(
        [rng.choice(15, 3, replace=False, p=weights) for _ in range(b)], 1
    )
    order = [MAGNITUDES[name].operation for name in policy.names]
    for turn in range(3):
        ours = np.bincount(chosen[turn], minlength=15)[
            [plan.operations.index(name) for name in order]
        ]
        theirs_ = np.bincount(expected[turn], minlength=15)
        np.testing.assert_allclose(ours / b, theirs_ / b, atol=0.015)


class Feed:
    """Hands out prepared numbers, in the order in which timm asks for them."""

    def __init__(self, numbers):
        self.numbers = iter(numbers)

    def __getattr__(self, name):
        return lambda *_, **__: next(self.numbers)


@pytest.mark.parametrize("mode", ["const", "rand", "pixel"])
@pytest.mark.parametrize("count", [1, 3])
def test_erasing_equals_timms(mode, count, monkeypatch):
    """With timm's draws replaced by ours: which boxes are tried, and which is taken."""
    b, r, c, k = 16, 20, 14, 3
    rng = np.random.default_rng(count)
    images = rng.normal(size=(b, r, c, k)).astype(np.float32)
    area = rng.uniform(0.02, 1.5, (b, count, 10)).astype(np.float32)  # many too large
    log_aspect = rng.uniform(np.log(0.3), np.log(1 / 0.3), area.shape)
    place = rng.uniform(0, 1, (b, count, 2)).astype(np.float32)
    counts = rng.integers(1, count + 1, b)
    aspect = jnp.asarray(np.exp(log_aspect), jnp.float32)
    boxes = erasing.fit_boxes(
        jnp.asarray(area), aspect, jnp.asarray(place), jnp.asarray(counts), size=(r, c)
    )
    positions = jnp.arange(b)
    noise = erasing.draw_noise(
        jax.random.key(0), positions, mode=mode, count=count, shape=(r, c, k)
    )
    ours = erasing.erase(jnp.asarray(images), boxes, noise)

    monkeypatch.setattr(their_erasing, "random", SimpleNamespace())
    eraser = their_erasing.RandomErasing(
        1.0, max_count=count, mode=mode, device="cpu", max_area=1.5
    )
    for i in range(b):
        tensor = torch.tensor(images[i].transpose(2, 0, 1))
        feed = feed_erasing(eraser, area[i], log_aspect[i], place[i], counts[i], (r, c))
        monkeypatch.setattr(their_erasing, "random", feed)
        filled = iter(np.asarray(noise[i]))
        monkeypatch.setattr(
            their_erasing,
            "_get_pixels",
            lambda *_, feed=feed, filled=filled, **__: patch(next(filled), feed.last),
        )
        eraser(tensor)
        np.testing.assert_array_equal(ours[i], tensor.numpy().transpose(1, 2, 0))


def patch(noise, box):
    """What timm would draw for a box: (channels, rows or 1, columns or 1)."""
    top, left, rows, columns = box
    if noise.shape[0] > 1:
        noise = noise[top : top + rows, left : left + columns]
    return torch.tensor(noise.transpose(2, 0, 1))


def feed_erasing(eraser, area, log_aspect, place, count, size):
    """Plays timm's `random`, and keeps the box that it leads to."""
    attempts = iter(
        number
        for box in range(count)
        for pair in (*zip(area[box], log_aspect[box], strict=True),)
        for number in pair
    )
    state = SimpleNamespace(box=-1, tried=0, rows=None, last=None)

    def uniform(low, high):
        state.tried += 1
        return float(next(attempts))

    def randint(low, high):
        if low == 1:
            return int(count)
        # Top first: it says how many rows the box has.
        if state.rows is None:
            state.box = (state.tried - 1) // 20
            while state.tried % 20:  # the attempts that are left are not made
                next(attempts)
                state.tried += 1
            state.rows = size[0] - high
            state.top = int(np.floor(place[state.box, 0] * np.float32(high + 1)))
            return state.top
        columns = size[1] - high
        left = int(np.floor(place[state.box, 1] * np.float32(high + 1)))
        feed.last = (state.top, left, state.rows, columns)
        state.rows = None
        return left

    feed = SimpleNamespace(
        uniform=uniform, randint=randint, random=lambda: 0.0, last=None
    )
    return feed


def timm_mix(mode, images, labels, *, shares, cuts, numbers, minmax, smoothing=0.1):
    """Runs timm's Mixup with its shares and rectangles replaced."""
    mixer = their_mixup.Mixup(
        mixup_alpha=1.0,
        cutmix_alpha=1.0,
        cutmix_minmax=minmax,
        mode=mode,
        label_smoothing=smoothing,
        num_classes=10,
    )
    mixer._params_per_batch = lambda: (float(shares[0]), bool(cuts[0]))
    mixer._params_per_elem = lambda size: (shares[:size].copy(), cuts[:size])
    return mixer(torch.tensor(images.transpose(0, 3, 1, 2)), torch.tensor(labels))


@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
@pytest.mark.parametrize("minmax", [None, (0.2, 0.8)])
@pytest.mark.parametrize("seed", range(4))
def test_mixes_equal_timms(mode, minmax, seed, monkeypatch):
    """Images and smoothed targets, the share corrected by what the rim cuts off."""
    b, r, c = 8, 16, 12
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(b, r, c, 3)).astype(np.float32)
    labels = rng.integers(0, 10, b)
    m = {"batch": 1, "pair": b // 2, "elem": b}[mode]
    shares = rng.uniform(0, 1, m).astype(np.float32)
    cuts, numbers = rng.uniform(size=m) < 0.6, rng.uniform(size=(m, 4)).astype("f4")
    calls = iter([row for row, cut in zip(numbers, cuts, strict=True) if cut])
    state = {"row": None, "next": 4}
    order = (0, 1, 2, 3)

    def randint(low, high, size=None):
        if state["next"] == (4 if minmax else 2) or state["row"] is None:
            state["row"], state["next"] = next(calls), 0
        u = state["row"][order[state["next"]]]
        state["next"] += 1
        return low + int(np.floor(u * np.float32(high - low)))

    monkeypatch.setattr(np.random, "randint", randint)
    expected, their_targets = timm_mix(
        mode, images, labels, shares=shares, cuts=cuts, numbers=numbers, minmax=minmax
    )
    make = mix.boxes_of_shares if minmax is None else None
    boxes = (
        make(jnp.asarray(shares), jnp.asarray(numbers), size=(r, c))
        if make
        else mix.boxes_between(minmax, jnp.asarray(numbers), size=(r, c))
    )
    how = mix.Mix(jnp.asarray(shares), jnp.asarray(cuts), boxes)
    if mode == "pair":
        how = mix.Mix(*(jnp.concatenate([a, a[::-1]]) for a in how))
    targets = jax.nn.one_hot(labels, 10)
    ours, our_targets = mix.mix(jnp.asarray(images), targets, how)
    np.testing.assert_allclose(
        ours, expected.numpy().transpose(0, 2, 3, 1), rtol=1e-6, atol=1e-6
    )
    smooth = our_targets * 0.9 + 0.1 / 10  # what the loss does
    np.testing.assert_allclose(smooth, their_targets.numpy(), atol=1e-6)


@pytest.mark.parametrize("replicas", [1, 4])
@pytest.mark.parametrize(("length", "cut"), [(1000, 768), (100, 100)])
def test_repeats_are_those_of_timms_sampler(replicas, length, cut):
    """Its processes take turns at the positions of ours."""
    epoch = 2
    samplers = [
        RepeatAugSampler(range(length), num_replicas=replicas, rank=rank, num_repeats=3)
        for rank in range(replicas)
    ]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    expected = np.stack([list(sampler) for sampler in samplers], 1).ravel()
    order = torch.randperm(length, generator=torch.Generator().manual_seed(epoch))
    positions = epoch * cut + np.arange(cut)
    epochs, places, copies = repeated_places(positions, length=length, repeats=3)
    assert set(epochs) == {epoch}
    np.testing.assert_array_equal(order.numpy()[places], expected)
    np.testing.assert_array_equal(copies, np.arange(cut) % 3)
