"""Image sources: random access to (image, label), with names and pixel statistics."""

import dataclasses
import functools
import importlib.resources
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from vit_jax.pixels import Pixels


class Example(TypedDict):
    """One image, rows by columns by channels, and the index of its class."""

    image: UInt8[np.ndarray, "r c k"]
    label: int


@runtime_checkable
class ImageSource(Protocol):
    """A collection of images of one size, in a fixed order."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """A name for each class."""
        ...

    @property
    def pixels(self) -> Pixels:
        """Mean and deviation of the channels, of the images to train on."""
        ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Example: ...


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

    def __len__(self) -> int:
        return len(_digits(self.split)[1])

    def __getitem__(self, index: int) -> Example:
        images, labels = _digits(self.split)
        return {"image": images[index], "label": int(labels[index])}


@functools.cache
def _digits(split: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns uint8 images (n, 8, 8, 1) and labels (n,) of a split."""
    file = importlib.resources.files("vit_jax.data") / "digits.npz"
    with file.open("rb") as stream, np.load(stream) as arrays:
        chosen = arrays["held_out"] == (split == "test")
        levels = arrays["images"][chosen, :, :, None]
        labels = arrays["labels"][chosen]
    return np.round(levels * (255 / 16)).astype(np.uint8), labels
