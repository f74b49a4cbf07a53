"""What every collection of images is to the rest of the program."""

from typing import Protocol, TypedDict, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from vit_jax.pixels import Pixels


class Example(TypedDict):
    """One image and the index of its class."""

    image: bytes | UInt8[np.ndarray, "r c k"]
    """An image file as it is, or pixels: rows by columns by channels."""
    label: int


@runtime_checkable
class ImageSource(Protocol):
    """A collection of images in a fixed order, which all threads may read at once.

    It is opened when it is first asked for something, and again in each process that it
    is sent to. `len(source)` raises InputError for what is wrong with the whole,
    `source[index]` for what is wrong with one image.
    """

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

    def name(self, index: int) -> str:
        """Returns what to call an image: its path, or its shard and key."""
        ...
