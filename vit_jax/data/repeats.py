"""Repeated augmentation: an image several times in a batch, changed each time anew.

Axes: n positions.
"""

import numpy as np
from jaxtyping import Int64


def repeated_places(
    positions: Int64[np.ndarray, " n"], *, length: int, repeats: int
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Returns each position's epoch, its place in that epoch's order, and which copy.

    The copies of an image follow each other. An epoch has as many positions as without
    repeats, so that it sees one image in `repeats`; as timm's, it is then cut to a
    multiple of 256 where there are so many.

    Args:
      positions: in the endless stream of training images, of all processes.
      length: images in the source.

    Source: Hoffer et al. 2020 (arXiv:1901.09335); timm 1.0.31's RepeatAugSampler, whose
    processes take turns at these positions.
    """
    cut = length if repeats == 1 else length // 256 * 256 or length
    epochs, positions = np.divmod(positions, cut)
    places, copies = np.divmod(positions, repeats)
    return epochs, places, copies
