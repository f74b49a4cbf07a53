"""Mixup and cutmix: images and targets mixed in pairs, as timm's Mixup.

Axes: b batch, r rows, c columns, k channels, n classes. An image's partner is its
mirror in the batch: the first with the last.

Sources: Zhang et al. 2018 (arXiv:1710.09412), Yun et al. 2019 (arXiv:1905.04899); timm
1.0.31, timm/data/mixup.py.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Integer, PRNGKeyArray

from vit_jax.train.augment.config import AugmentConfig
from vit_jax.train.augment.draw import beta, uniform, whole
from vit_jax.train.augment.erasing import in_boxes


class Mix(NamedTuple):
    """How each image is mixed; m is b, or 1 for all alike."""

    share: Float[Array, " m"]
    """Of the image itself; of its targets too, unless a rectangle is cut."""
    cut: Bool[Array, " m"]
    """Whether it is a rectangle that comes from the partner."""
    boxes: Int[Array, "m 4"]
    """The rectangles' top, left, rows and columns."""


def mix(
    images: Float[Array, "b r c k"],
    targets: Float[Array, "b n"],
    how: Mix,
    *,
    cuts: bool = True,
) -> tuple[Float[Array, "b r c k"], Float[Array, "b n"]]:
    """Returns each image mixed with its partner, and the targets likewise.

    Where a rectangle is cut, the targets' share is the area that is left.

    Args:
      cuts: False says that `how` cuts nothing, and saves the work.
    """
    share = how.share[:, None, None, None]
    mixed = share * images + (1 - share) * images[::-1]
    if cuts:
        size = images.shape[1:3]
        area = how.boxes[:, 2] * how.boxes[:, 3] / (size[0] * size[1])
        inside = in_boxes(how.boxes, size=size)
        cut = jnp.where(inside, images[::-1], images)
        mixed = jnp.where(how.cut[:, None, None, None], cut, mixed)
        how = how._replace(share=jnp.where(how.cut, 1 - area, how.share))
    share = how.share[:, None]
    return mixed, share * targets + (1 - share) * targets[::-1]


def draw_mix(
    config: AugmentConfig,
    key: PRNGKeyArray,
    positions: Integer[Array, " b"],
    *,
    size: tuple[int, int],
) -> Mix:
    """Returns shares and rectangles: one for all, for each pair or for each image."""
    if config.mix_mode == "batch":
        positions = jnp.zeros(1, jnp.int32)
    elif config.mix_mode == "pair":
        positions = jnp.minimum(positions, positions[::-1])
    done, switch = uniform(jax.random.fold_in(key, 1), positions, 2).T
    cut = jnp.full(len(positions), not config.mixup)
    if config.mixup and cuts_boxes(config):
        cut = switch < config.mix_switch_prob
    level = uniform(key, positions, 1)[:, 0]
    share = beta(level, config.mixup) if config.mixup else level
    if cuts_boxes(config):
        share = jnp.where(cut, beta(level, config.cutmix or 1.0), share)
    done = done < config.mix_prob
    numbers = uniform(jax.random.fold_in(key, 2), positions, 4)
    if config.cutmix_minmax is None:
        boxes = boxes_of_shares(share, numbers, size=size)
    else:
        boxes = boxes_between(config.cutmix_minmax, numbers, size=size)
    return Mix(share=jnp.where(done, share, 1), cut=cut & done, boxes=boxes)


def cuts_boxes(config: AugmentConfig) -> bool:
    """Whether a config asks for cutmix."""
    return config.cutmix > 0 or config.cutmix_minmax is not None


def boxes_of_shares(
    share: Float[Array, " m"], numbers: Float[Array, "m 4"], *, size: tuple[int, int]
) -> Int[Array, "m 4"]:
    """Returns boxes of 1 - share of the area about a random middle: timm's rand_bbox.

    What reaches over the rim is cut off.

    Args:
      numbers: from 0 to below 1; the first two are the middle's row and column.
    """
    ratio = jnp.sqrt(1 - share)
    edges: list[Array] = []
    for axis, count in enumerate(size):
        length = jnp.floor(count * ratio).astype(jnp.int32)
        middle = whole(numbers[:, axis], count)
        start = jnp.clip(middle - length // 2, 0, count)
        edges += [start, jnp.clip(middle + (length + 1) // 2, 0, count) - start]
    return jnp.stack([edges[0], edges[2], edges[1], edges[3]], -1)


def boxes_between(
    minmax: tuple[float, float], numbers: Float[Array, "m 4"], *, size: tuple[int, int]
) -> Int[Array, "m 4"]:
    """Returns boxes of sides between two shares of the image's: rand_bbox_minmax.

    Args:
      numbers: from 0 to below 1: rows, columns, top and left.
    """
    edges: list[Array] = []
    for axis, count in enumerate(size):
        low, high = (int(count * share) for share in minmax)
        # timm refuses an image too small for two lengths; here it has the one.
        length = low + whole(numbers[:, axis], max(high - low, 1))
        edges += [whole(numbers[:, 2 + axis], count - length + 1), length]
    return jnp.stack([edges[0], edges[2], edges[1], edges[3]], -1)
