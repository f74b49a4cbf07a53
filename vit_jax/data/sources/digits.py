"""Handwritten digits that come with the package."""

import dataclasses
import functools
import importlib.resources
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vit_jax.data.sources.protocol import Example
from vit_jax.pixels import Pixels


@dataclasses.dataclass(frozen=True)
class Digits:
    """1,797 scans of handwritten digits, 8x8, grey: 1,437 to train on, 360 held out.

    The split is fixed and stratified: each class is in both in the same share. The
    images are scikit-learn's (`sklearn.datasets.load_digits`), with their 17 grey
    levels spread over 0 to 255; they come from the test set of E. Alpaydin and
    C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository 1998, https://doi.org/10.24432/C50P49 (CC BY 4.0).
    """

    split: Literal["train", "test"] = "train"

    class_names = tuple("0123456789")
    pixels = Pixels((0.3054,), (0.3760,))
    splits = ("train", "test")

    def __len__(self) -> int:
        return len(_digits(self.split)[1])

    def __getitem__(self, index: int) -> Example:
        images, labels = _digits(self.split)
        return {"image": images[index], "label": int(labels[index])}

    def name(self, index: int) -> str:
        """Returns the split and the number of an image in it."""
        return f"digits {self.split}[{index}]"


@functools.cache
def _digits(split: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns uint8 images (n, 8, 8, 1) and labels (n,) of a split."""
    file = importlib.resources.files("vit_jax.data") / "digits.npz"
    with file.open("rb") as stream, np.load(stream) as arrays:
        chosen = arrays["held_out"] == (split == "test")
        levels = arrays["images"][chosen, :, :, None]
        labels = arrays["labels"][chosen]
    return np.round(levels * (255 / 16)).astype(np.uint8), labels
