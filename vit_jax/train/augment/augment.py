"""The random changes of a config, in order.

Axes: b batch, r rows, c columns, k channels, n classes.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, PRNGKeyArray, Real

from vit_jax.errors import InputError
from vit_jax.pixels import Pixels
from vit_jax.train.augment import choose, erasing, geometry
from vit_jax.train.augment.config import AugmentConfig
from vit_jax.train.augment.draw import between, uniform, whole
from vit_jax.train.augment.mix import cuts_boxes, draw_mix, mix
from vit_jax.train.augment.plan import Plan, carry_out
from vit_jax.train.augment.policies import parse_auto_augment, parse_rand_augment
from vit_jax.train.augment.warp import warp

# What draws random numbers, each with a key of its own. Their order is part of what a
# seed means: a new one goes to the end.
DRAWS = (
    "flip",
    "warp",
    "mix",
    "flip_vertical",
    "pad_crop",
    "policy",
    "colour_jitter",
    "grayscale",
    "erase",
)

Images = Float[Array, "b r c k"]
Keys = dict[str, PRNGKeyArray]
Positions = Integer[Array, " b"]


def augment(
    images: Real[Array, "b r c k"],
    targets: Float[Array, "b n"],
    config: AugmentConfig,
    key: PRNGKeyArray,
    *,
    pixels: Pixels,
    positions: Integer[Array, " b"] | None = None,
) -> tuple[Float[Array, "b r c k"], Float[Array, "b n"]]:
    """Returns images changed at random, and targets mixed as the images were.

    What happens to an image is a function of the key and its position alone, whatever
    the batch is split into. Only mixup and cutmix look at the batch: an image is mixed
    with its mirror in the batch that is given.

    Args:
      images: uint8, or floats on their scale of 0 to 255.
      targets: a probability for each class.
      pixels: their mean fills what comes in from outside, as in timm's policies;
        erasing fills in their deviations, as timm does on normalised images.
      positions: of the images in the global batch; None counts from 0.

    Raises:
      InputError: a policy is asked for on images of neither 1 nor 3 channels, or more
        padding by reflection than the images have pixels.
    """
    if positions is None:
        positions = jnp.arange(len(images))
    keys = {name: jax.random.fold_in(key, i) for i, name in enumerate(DRAWS)}
    images = _place(images, config, keys, positions)
    images = _carry_out_policies(images, config, keys, positions, pixels)
    images = images.astype(jnp.float32)
    if config.shift or config.rotate or config.scale:
        images = _warp(images, config, keys["warp"], positions)
    if config.erase:
        images = _erase(images, config, keys["erase"], positions, pixels)
    if config.mixup or cuts_boxes(config):
        size = (images.shape[1], images.shape[2])
        how = draw_mix(config, keys["mix"], positions, size=size)
        images, targets = mix(images, targets, how, cuts=cuts_boxes(config))
    return images, targets


def _place(
    images: Real[Array, "b r c k"],
    config: AugmentConfig,
    keys: Keys,
    positions: Positions,
) -> Real[Array, "b r c k"]:
    """Returns images mirrored and cropped."""
    for name, axis in {"flip": 2, "flip_vertical": 1}.items():
        if getattr(config, name):
            chosen = uniform(keys[name], positions, 1)[:, 0] < 0.5
            images = geometry.flip(images, chosen, axis=axis)
    pad, smallest = config.pad_crop, min(images.shape[1:3])
    if config.pad_mode == "reflect" and pad >= smallest:
        raise InputError(
            f"augment.pad_crop={pad} reflects more pixels than images of"
            f" {images.shape[1]}x{images.shape[2]} have: choose at most {smallest - 1}."
        )
    if pad:
        offsets = whole(uniform(keys["pad_crop"], positions, 2), 2 * pad + 1)
        images = geometry.pad_crop(images, offsets, pad=pad, mode=config.pad_mode)
    return images


def _plans(
    config: AugmentConfig, keys: Keys, positions: Positions, size: tuple[int, int]
) -> list[Plan]:
    """Returns the plans of a config, in order."""
    plans: list[Plan] = []
    if config.rand_augment is not None:
        rand = parse_rand_augment(config.rand_augment)
        plans += [
            choose.choose_rand_augment(rand, keys["policy"], positions, size=size)
        ]
    if config.auto_augment is not None:
        auto = parse_auto_augment(config.auto_augment)
        plans += [
            choose.choose_auto_augment(auto, keys["policy"], positions, size=size)
        ]
    if config.three_augment:
        plans += [choose.choose_three_augment(keys["policy"], positions)]
    if any(config.colour_jitter):
        key, strengths = keys["colour_jitter"], config.colour_jitter
        plans += [choose.choose_colour_jitter(strengths, key, positions)]
    if config.grayscale:
        key = keys["grayscale"]
        plans += [choose.choose_grayscale(config.grayscale, key, positions)]
    return plans


def _carry_out_policies(
    images: Real[Array, "b r c k"],
    config: AugmentConfig,
    keys: Keys,
    positions: Positions,
    pixels: Pixels,
) -> Real[Array, "b r c k"]:
    """Returns images changed by the policies, as uint8 where there are any."""
    size = (images.shape[1], images.shape[2])
    plans = _plans(config, keys, positions, size)
    if plans and images.shape[-1] not in (1, 3):
        raise InputError(
            f"images of {images.shape[-1]} channels have no colours for rand_augment,"
            " auto_augment, three_augment, colour_jitter and grayscale: those take 1 or"
            " 3 channels."
        )
    fill = tuple(min(255, round(255 * mean)) for mean in pixels.mean)
    for plan in plans:
        images = carry_out(
            images.astype(jnp.uint8),
            plan,
            fill=fill,
            interpolation=config.interpolation,
        )
    return images


def _warp(
    images: Images, config: AugmentConfig, key: PRNGKeyArray, positions: Positions
) -> Images:
    turn_key, stretch_key, move_key = jax.random.split(key, 3)
    angle = between(uniform(turn_key, positions, 1)[:, 0], -1, 1)
    stretch = between(uniform(stretch_key, positions, 2), -1, 1)
    share = between(uniform(move_key, positions, 2), -1, 1)
    return warp(
        images,
        angle=jnp.radians(config.rotate * angle),
        stretch=jnp.exp(config.scale * stretch),
        move=config.shift * share * jnp.array(images.shape[1:3])[None],
    )


def _erase(
    images: Images,
    config: AugmentConfig,
    key: PRNGKeyArray,
    positions: Positions,
    pixels: Pixels,
) -> Images:
    box_key, noise_key = jax.random.split(key)
    _, rows, columns, channels = images.shape
    count = config.erase_count
    boxes = erasing.draw_boxes(
        box_key, positions, prob=config.erase, count=count, size=(rows, columns)
    )
    noise = erasing.draw_noise(
        noise_key,
        positions,
        mode=config.erase_mode,
        count=count,
        shape=(rows, columns, channels),
    )
    mean, std = (
        255 * np.asarray(numbers, np.float32)[None, None, None, None]
        for numbers in (pixels.mean, pixels.std)
    )
    return erasing.erase(images, boxes, noise * std + mean)
