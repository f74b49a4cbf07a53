"""What makes the tensors beside a model's that a publisher's code wants to find."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig


def zeros(*axes: int | str) -> Callable[[ViTConfig], NDArray[Any]]:
    """Returns what makes zeros; an axis is a size, or the config's field of a name."""
    return _full(0.0, axes)


def ones(*axes: int | str) -> Callable[[ViTConfig], NDArray[Any]]:
    """Returns what makes ones; an axis is a size, or the config's field of a name."""
    return _full(1.0, axes)


def _full(
    value: float, axes: tuple[int | str, ...]
) -> Callable[[ViTConfig], NDArray[Any]]:
    def make(config: ViTConfig) -> NDArray[Any]:
        shape = [
            axis if isinstance(axis, int) else getattr(config, axis) for axis in axes
        ]
        return np.full(shape, value, np.float32)

    return make


def no_registers(config: ViTConfig) -> NDArray[Any] | None:
    """Returns the empty tensor that stands for registers where there are none."""
    return None if config.num_registers else zeros(1, 0, "embed_dim")(config)


def key_mask(config: ViTConfig) -> NDArray[Any] | None:
    """Returns the factors of a fused bias of q, k and v that leave k's out."""
    if config.qkv_bias == "none":
        return None
    width = config.num_heads * config.dim_per_head
    return np.repeat(np.array([1, 0, 1], np.float32), width)


def rope_periods(config: ViTConfig) -> NDArray[Any]:
    """Returns the wavelengths of centred rotary positions, as DINOv3 keeps them."""
    count = config.dim_per_head // 4
    powers = np.arange(count, dtype=np.float32) / np.float32(count)
    periods = np.float32(config.rope_temperature) ** powers
    if config.rope_dtype == "bfloat16":
        periods = periods.astype(ml_dtypes.bfloat16).astype(np.float32)
    return periods


def tell_periods(periods: NDArray[Any]) -> dict[str, Any]:
    """Returns to which type the wavelengths in a file are rounded."""
    periods = np.asarray(periods, np.float32)
    rounded = periods.astype(ml_dtypes.bfloat16).astype(np.float32)
    whole = np.array_equal(rounded, periods) and len(periods) > 1
    return {"rope_dtype": "bfloat16" if whole else "float32"}
