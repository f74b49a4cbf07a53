"""Images as a recipe's training step sees them: cropped, augmented, mixed.

Axes: n images, b batch, v views, r rows, c columns, k channels.
"""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, PRNGKeyArray, UInt8
from PIL import Image

from vit_jax.data.batches import MakeBatch
from vit_jax.data.contact_sheet import (
    choose_images,
    draw_rows,
    make_thumbnail,
    read_thumbnail,
)
from vit_jax.data.order import Places, Shuffled
from vit_jax.data.sources import ImageSource
from vit_jax.evaluate import check_fits
from vit_jax.pixels import Pixels, normalise
from vit_jax.train.augment.augment import augment
from vit_jax.train.augment.config import AugmentConfig
from vit_jax.train.config import TrainConfig
from vit_jax.train.open_data import choose_transform, find_pixels

VIEWS = 7
TRIES = 8


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A plan that has the same images in every batch, each batch an epoch of its own.

    As many others follow them: an image is mixed with its mirror in the batch.
    """

    indices: tuple[int, ...]
    others: Shuffled

    num_batches = None

    @property
    def seed(self) -> int:
        return self.others.seed

    @property
    def rows(self) -> int:
        return 2 * len(self.indices)

    def __call__(self, number: int) -> Places:
        indices = np.append(np.array(self.indices), self.others(number).indices)
        return Places(
            epochs=np.full_like(indices, number),
            indices=indices,
            copies=np.zeros_like(indices),
        )


def preview(
    config: TrainConfig,
    source: ImageSource,
    indices: Sequence[int],
    *,
    views: int = VIEWS,
) -> UInt8[np.ndarray, "n v r c k"]:
    """Returns what a recipe makes of images, rounded to levels of 0 to 255.

    View i has the crops of epoch i and the random numbers of training step i, and is
    mixed with images of the whole source; of the two mixtures that an image is in, it
    is the one with more of it. Classes are counted in the source.

    Raises:
      InputError: the recipe's model does not fit the images.
    """
    model = config.model.replace(num_classes=len(source.class_names))
    transform = choose_transform(config.data, model, "train")
    pixels = find_pixels(config, source)
    check_fits(model, source, transform, pixels=pixels)
    plan = Chosen(tuple(indices), Shuffled(len(source), len(indices), config.run.seed))
    make = MakeBatch(source, transform, plan, model.image_shape, has_substitutes=True)
    found: list[UInt8[np.ndarray, "n r c k"]] = []
    for view in range(views):
        images = make(view)["image"]
        normalise(images[:1], pixels)  # raises where the step would
        key = jax.random.fold_in(jax.random.key(config.run.seed), view)
        augment_key, _ = jax.random.split(key)  # as the step splits it
        changed, shares = _change(images, augment_key, config.augment, pixels)
        rows = np.argmax(shares, axis=0)[: len(indices)]
        found.append(np.asarray(changed)[rows])
    return np.stack(found, axis=1)


@functools.partial(jax.jit, static_argnames=("config", "pixels"))
def _change(
    images: UInt8[Array | np.ndarray, "b r c k"],
    key: PRNGKeyArray,
    config: AugmentConfig,
    pixels: Pixels,
) -> tuple[UInt8[Array, "b r c k"], Float[Array, "b b"]]:
    """Returns images changed, and the share of each image (column) in them (row)."""
    eye = jnp.eye(len(images))
    changed, shares = augment(jnp.asarray(images), eye, config, key, pixels=pixels)
    return jnp.clip(jnp.round(changed), 0, 255).astype(jnp.uint8), shares


def draw_preview(
    path: Path,
    source: ImageSource,
    labels: Int32[np.ndarray, " n"],
    *,
    config: TrainConfig,
) -> None:
    """Draws one image of up to 20 classes, a row each: as it is, then as it is trained.

    Args:
      labels: of every image of the source; -1 where it cannot be read.

    Raises:
      InputError: the recipe's model does not fit the images, or the picture cannot be
        written.
    """
    chosen = choose_images(labels, TRIES)
    firsts = [_first_whole(source, indices) for indices in chosen.values()]
    views = preview(config, source, [index for index, _ in firsts])
    rows = [
        (source.class_names[label], [first, *map(make_thumbnail, pictures)])
        for label, (_, first), pictures in zip(chosen, firsts, views, strict=True)
    ]
    draw_rows(path, rows, columns=1 + VIEWS)


def _first_whole(
    source: ImageSource, indices: Sequence[int]
) -> tuple[int, Image.Image | None]:
    """Returns the first image that is not broken, as a thumbnail, or else the first."""
    for index in indices:
        if (thumbnail := read_thumbnail(source, index)) is not None:
            return index, thumbnail
    return indices[0], None
