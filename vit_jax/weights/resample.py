"""Learned tables and kernels interpolated to another grid, as their publishers do it.

All is lossy: there and back is not the identity. Every publisher's way is separable,
and so is two matrices of weights here, one for each axis of the grid.

Axes: n, m cells of the old and the new grid, row by row; d channels, h heads.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from vit_jax.errors import InputError, near
from vit_jax.weights.resamplings import Resampling

Grid = tuple[int, int]
"""Rows and columns."""
Values = NDArray[np.floating[Any]]
Filter = Callable[[Values], Values]
"""From distances, in cells, to weights."""
OfSizes = Callable[[int, int], Values]
"""From an axis's old and new size to its weights (new, old), or to the places (new) of
new cells among the old ones, of which the first is at 0."""

Part = Literal["positions", "patches", "relative"]


def resample_positions(
    table: Float[np.ndarray, "n d"], old: Grid, new: Grid, kernel: Resampling
) -> Float[np.ndarray, "m d"]:
    """Returns the patches' rows of a position table for another grid of patches.

    In float32 whatever the table's dtype; the result has the table's dtype. Equal
    grids return the table itself.

    Args:
      old: the grid that the table was trained on.

    Raises:
      InputError: no such kernel, or the table has not one row for each cell of `old`.
    """
    return _apply(find_weights(kernel, "positions"), table, old, new)


def resample_patches(
    kernel: Float[np.ndarray, "n d"],
    old: Grid,
    new: Grid,
    resampling: Resampling = "timm",
) -> Float[np.ndarray, "m d"]:
    """Returns a patch projection for patches of another size.

    It makes of enlarged patches what the old one makes of the patches themselves; of
    shrunk ones the nearest to that (the pseudo-inverse of the resizing).

    Args:
      kernel: its rows are a patch's values, (rows columns channels).
      old: size of the patches that it was trained on, in pixels.

    Raises:
      ValueError: nobody resamples patches so, or the kernel is not of size `old`.

    Source: FlexiViT (arXiv:2212.08013), section 3.4.
    """
    weigh = find_weights(resampling, "patches")

    def inverse(old: int, new: int) -> Values:
        return np.linalg.pinv(weigh(old, new)).T

    cells = kernel.reshape(old[0] * old[1], -1)  # (cells, channels * d)
    return _apply(inverse, cells, old, new).reshape(-1, kernel.shape[1])


def resample_relative_bias(
    table: Float[np.ndarray, "n h"], old: Grid, new: Grid, kernel: Resampling = "timm"
) -> Float[np.ndarray, "m h"]:
    """Returns a relative position bias for another grid of patches.

    It has a row for each distance of two patches; the last three rows, the class
    token's, stay as they are.

    Raises:
      InputError: nobody resamples a bias so, or the table is not one of grid `old`.
    """
    weigh = find_weights(kernel, "relative")
    before, after = ((2 * rows - 1, 2 * columns - 1) for rows, columns in (old, new))
    return np.concatenate([_apply(weigh, table[:-3], before, after), table[-3:]])


def _apply(weigh: OfSizes, cells: NDArray[Any], old: Grid, new: Grid) -> NDArray[Any]:
    """Returns (new cells, channels) from (old cells, channels), in float32."""
    if len(cells) != old[0] * old[1]:
        raise InputError(
            f"{len(cells)} rows are not one for each cell of {old[0]} x {old[1]}."
        )
    if old == new:
        return cells
    rows, columns = (
        weigh(*sizes).astype(np.float32) for sizes in zip(old, new, strict=True)
    )
    grid = cells.astype(np.float32).reshape(*old, -1)  # (rows, columns, channels)
    grid = np.einsum("ar,bc,rcd->abd", rows, columns, grid, optimize=True)
    return grid.reshape(new[0] * new[1], -1).astype(cells.dtype)


def _triangle(x: Values) -> Values:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(a: float) -> Filter:
    """Returns Keys's cubic filter."""

    def weigh(x: Values) -> Values:
        x = np.abs(x)
        inner = (a + 2) * x**3 - (a + 3) * x**2 + 1
        outer = a * (x**3 - 5 * x**2 + 8 * x - 4)
        return np.where(x <= 1, inner, np.where(x < 2, outer, 0))

    return weigh


def _corners(old: int, new: int) -> Values:
    return np.linspace(0, old - 1, new)


def _centres(old: int, new: int, offset: float = 0) -> Values:
    # In float32 as in torch, where steep tables differ by 1e-5 from exact places.
    step = np.float32(old / (new + offset))
    return step * (np.arange(new, dtype=np.float32) + 0.5) - 0.5


def _plain(curve: Filter, places: OfSizes) -> OfSizes:
    """Returns weights of a filter one cell wide; cells outside are the border's."""

    def weigh(old: int, new: int) -> Values:
        at = places(old, new)
        weights = np.zeros((new, old))
        for tap in range(-1, 3):
            cells = np.floor(at).astype(int) + tap
            inside = np.clip(cells, 0, old - 1)
            np.add.at(weights, (np.arange(new), inside), curve(at - cells))
        return weights

    return weigh


def _antialiased(curve: Filter) -> OfSizes:
    """Returns weights of a filter as wide as a new cell, of the cells inside."""

    def weigh(old: int, new: int) -> Values:
        distances = np.arange(old) - _centres(old, new)[:, None]
        weights = curve(distances / max(old / new, 1))
        return weights / weights.sum(axis=1, keepdims=True)

    return weigh


def _geometric(old: int, new: int) -> Values:
    """Returns weights of distances, where the old ones are spread out from the middle.

    Their steps grow by a factor, found by bisection, that takes the last old distance
    to the last new one; on a smaller grid it does not go below 1.01.

    Source: BEiT's run_class_finetuning.py, linear as in timm, where that was cubic.
    """
    low, factor, high = 1.01, 1.255, 1.5
    while high - low > 1e-6:
        factor = (low + high) / 2
        reach = (1 - factor ** (old // 2)) / (1 - factor)
        low, high = (low, factor) if reach > new // 2 else (factor, high)
    side = np.cumsum(factor ** np.arange(old // 2))
    places = np.concatenate([-side[::-1], [0.0], side])
    at = np.arange(new) - new // 2
    return np.stack([np.interp(at, places, cell) for cell in np.eye(old)], axis=1)


class Kernel(NamedTuple):
    """One publisher's interpolation; None is what their code has none for."""

    positions: OfSizes
    source: str
    patches: OfSizes | None = None
    relative: OfSizes | None = None


BICUBIC = _antialiased(_cubic(-0.5))
SHARP_BICUBIC = _cubic(-0.75)
BILINEAR = _plain(_triangle, _centres)
RESAMPLINGS: dict[Resampling, Kernel] = {
    "timm": Kernel(
        BICUBIC,
        "timm's resample_abs_pos_embed, open_clip, transformers' Dinov2WithRegisters",
        patches=BICUBIC,
        relative=_geometric,
    ),
    "huggingface": Kernel(
        _plain(SHARP_BICUBIC, _centres),
        "transformers; the originals of DeiT, MAE and BEiT",
        relative=BILINEAR,
    ),
    "torchvision": Kernel(
        _plain(SHARP_BICUBIC, _corners), "torchvision's interpolate_embeddings"
    ),
    # The 0.1 was to keep sizes from being rounded down, but moves all places too.
    "dino": Kernel(
        _plain(SHARP_BICUBIC, lambda old, new: _centres(old, new, 0.1)),
        "Meta's DINO and DINOv2",
    ),
    "dinov2_reg": Kernel(BICUBIC, "Meta's DINOv2 with registers"),
    # scipy's zoom leaves zeros in the last row where rounding puts it outside, as from
    # 16 to 30; here it is the last row of the table.
    "google": Kernel(
        _plain(_triangle, _corners), "Google's vit_jax, big_vision", patches=BILINEAR
    ),
    "timm_npz": Kernel(BILINEAR, "timm's reader of Google's .npz", patches=BILINEAR),
    "siglip2": Kernel(_antialiased(_triangle), "SigLIP 2 NaFlex, big_vision FlexiViT"),
}


def find_weights(resampling: str, part: Part) -> OfSizes:
    """Returns the weights of a publisher's interpolation of one part of a model.

    Raises:
      InputError: there is no such resampling, or its publisher has none of that part.
    """
    if resampling not in RESAMPLINGS:
        raise InputError(
            f"there is no resampling {resampling!r}.{near(resampling, RESAMPLINGS)}"
            f" There are {', '.join(RESAMPLINGS)}."
        )
    weights = getattr(RESAMPLINGS[resampling], part)
    if weights is None:
        able = [name for name, kernel in RESAMPLINGS.items() if getattr(kernel, part)]
        raise InputError(
            f"resample={resampling!r} has no way to resample {part}; {', '.join(able)}"
            " have."
        )
    return weights
