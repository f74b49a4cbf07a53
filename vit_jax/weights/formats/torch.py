"""Files of torch of any age, by what they begin with."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.errors import InputError
from vit_jax.weights.formats.arrays import Progress
from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.safetensors import read_safetensors
from vit_jax.weights.formats.torch_legacy import read_torch_legacy
from vit_jax.weights.formats.torch_zip import read_torch_zip

if TYPE_CHECKING:
    import torch

TAR = slice(257, 262)


def read_torch(path: Path) -> Any:
    """Returns the object in a file of torch.save, of torch.jit.save or of safetensors.

    Tensors are arrays, read-only views of the file; modules are their state dicts.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PK"):
        return read_torch_zip(path)
    if head.startswith(b"\x80"):
        return read_torch_legacy(path)
    if head[8:9] == b"{":
        return read_safetensors(path)
    if head[TAR] == b"ustar":
        raise Damage(
            "it is a tar, as torch before 0.2 wrote",
            "Load it with torch (weights_only=False), and save it again.",
        )
    raise Damage("it begins like no file of torch.save, of any version")


def write_torch(
    path: Path, tensors: Mapping[str, NDArray[Any]], progress: Progress
) -> None:
    """Writes a dict of tensors with torch.save."""
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f"{path.suffix} files are written by torch, which is not installed: write"
            " a .safetensors file, or `pip install torch`."
        ) from error

    def convert(array: NDArray[Any]) -> "torch.Tensor":
        # torch.from_numpy does not know ml_dtypes' types, nor read-only arrays.
        raw = torch.from_numpy(np.array(array, order="C").reshape(-1).view(np.uint8))
        return raw.view(getattr(torch, array.dtype.name)).reshape(array.shape)

    torch.save({key: convert(array) for key, array in tensors.items()}, path)
    for array in tensors.values():
        progress(array.nbytes)
