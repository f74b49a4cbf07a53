"""Running a reference module: what it takes beside images, and which output counts."""

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from einops import rearrange
from numpy.typing import NDArray

from vit_jax.config import ViTConfig

if TYPE_CHECKING:
    from torch import Tensor, nn

OUTPUTS = ("logits", "image_embeds", "pooler_output")
"""Of Hugging Face's outputs, those of one vector an image; the first there counts."""


def run_reference(
    reference: "nn.Module", images: NDArray[Any], config: ViTConfig
) -> Any:
    """Returns what a module makes of images.

    Hugging Face's models of images and texts are asked for the images alone. SigLIP 2
    is given the patches that it takes; MAE is told to keep all of them, in their order.

    Args:
      images: normalised float32 (b, rows, columns, channels).
      config: ours, of the same model.
    """
    import torch

    call: Any = getattr(reference, "get_image_features", reference)
    takes = inspect.signature(getattr(call, "forward", call)).parameters
    if "spatial_shapes" in takes:
        (rows, columns), (r, c) = config.grid, config.patch_shape
        patches = rearrange(
            images[:, : rows * r, : columns * c],
            "b (rows r) (columns c) k -> b (rows columns) (r c k)",
            r=r,
            c=c,
        )
        return call(
            pixel_values=torch.from_numpy(patches.copy()),
            pixel_attention_mask=torch.ones(patches.shape[:2], dtype=torch.long),
            spatial_shapes=torch.tensor([config.grid] * len(patches)),
        )
    pixels = torch.from_numpy(np.moveaxis(images, -1, 1).copy())
    if "noise" not in takes:
        return call(pixels)
    order = torch.arange(config.num_patches, dtype=torch.float32)
    with _unmasked(reference):
        return call(pixels, noise=order.expand(len(pixels), -1))


def find_vector(output: Any) -> "Tensor | None":
    """Returns the tensor of an output; None where it has none for a whole image."""
    if isinstance(output, Mapping):
        fields = cast(Mapping[str, Any], output)
        found = (fields.get(name) for name in OUTPUTS)
        return next((value for value in found if value is not None), None)
    return output[0] if isinstance(output, tuple) else output


@contextlib.contextmanager
def _unmasked(reference: Any) -> Iterator[None]:
    ratio = reference.config.mask_ratio
    reference.config.mask_ratio = 0.0
    try:
        yield
    finally:
        reference.config.mask_ratio = ratio
