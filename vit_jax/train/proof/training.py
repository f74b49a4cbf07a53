"""What both sides are given, and what each gives back."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.data.resize import resize
from vit_jax.data.sources.digits import Digits

Arrays = dict[str, NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Training:
    """What a training gave; arrays by our names and in our shapes."""

    losses: list[float]
    """Of each step, before its update."""
    gradients: Arrays
    """Of step 1, before clipping."""
    update: Arrays
    """Of step 1, divided by the learning rate: what is subtracted."""
    params: Arrays
    """After the last step."""


@dataclasses.dataclass(frozen=True)
class DigitBatches:
    """Embedded digits, enlarged to a model's size; a batch is a function of its step.

    Labels beyond the model's classes begin again at 0.
    """

    model: ViTConfig
    batch_size: int
    seed: int

    def __getitem__(self, step: int) -> dict[str, NDArray[Any]]:
        """Returns uint8 images (b, rows, columns, channels) and int32 labels (b,)."""
        source, rng = Digits("train"), np.random.default_rng((self.seed, step))
        chosen = [
            source[int(i)] for i in rng.integers(len(source), size=self.batch_size)
        ]
        rows, columns, channels = self.model.image_shape
        small = [np.asarray(x["image"]) for x in chosen]
        images = [resize(x, rows, columns, "bilinear", "pil") for x in small]
        labels = np.array([x["label"] for x in chosen], np.int32)
        return {
            "image": np.repeat(np.stack(images), channels, axis=-1),
            "label": labels % self.model.num_classes,
        }
