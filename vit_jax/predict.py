"""Classes of image files."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from vit_jax.data.read import read_file
from vit_jax.data.transforms import EvalCrop
from vit_jax.errors import InputError
from vit_jax.model.params import bind
from vit_jax.pixels import normalise
from vit_jax.release import Release


@dataclasses.dataclass(frozen=True)
class Prediction:
    """One image's likeliest classes, the likeliest first."""

    image: Path
    classes: tuple[tuple[str, float], ...]
    """(name, probability), the probability over all classes."""


def predict(
    release: Release, images: Sequence[Path], *, top: int = 3
) -> list[Prediction]:
    """Returns the likeliest classes of each image.

    Images are brought to the model's size and channels by a bicubic resize of the
    shortest edge and a centre crop.

    Raises:
      InputError: a file is no image, or the model has no classes.
    """
    config = release.config
    if config.num_classes == 0 or config.pool == "none":
        raise InputError("the model gives features, not one class an image.")
    rows, columns, channels = config.image_shape
    transform = EvalCrop((rows, columns), crop_fraction=1.0, channels=channels)
    arrays = [read_file(path, transform) for path in images]
    pixels = jnp.asarray(normalise(np.stack(arrays), release.pixels))
    params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), release.params)
    logits = jax.jit(lambda params, x: bind(config, params)(x))(params, pixels)
    probabilities = np.asarray(jax.nn.softmax(logits, axis=-1))
    unnamed = (f"class {i}" for i in range(config.num_classes))
    names = release.class_names or tuple(unnamed)
    return [
        Prediction(
            path, tuple((names[i], float(row[i])) for i in np.argsort(-row)[:top])
        )
        for path, row in zip(images, probabilities, strict=True)
    ]
