"""Repeated augmentation: an image several times in a batch, changed each time anew.

Axes: n positions.
"""

import numpy as np
from jaxtyping import Int64


def repeated_places(
    positions: Int64[np.ndarray, " n"], *, length: int, repeats: int
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Returns the epoch of each position, and its place in that epoch's order.

    The copies of an image follow each other. An epoch has as many positions as without
    repeats, so that it sees one image in `repeats`; as timm's, it is cut to a multiple
    of 256 where there are so many.

    Args:
      positions: in the endless stream of training images, of all processes.
      length: images in the source.

    Source: Hoffer et al. 2020 (arXiv:1901.09335); timm 1.0.31's RepeatAugSampler, whose
    processes take turns at these positions.
    """
    epochs, positions = np.divmod(positions, length // 256 * 256 or length)
    return epochs, positions // repeats
