"""Torch modules to compare with: timm's by name, or what a function builds."""

import functools
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError, near
from vit_jax.weights.faults import ConversionError, compare_shapes

if TYPE_CHECKING:
    from torch import nn

EXPECTED = "expected timm:NAME or FILE.py:FUNCTION"


def build_reference(spec: str, config: ViTConfig) -> "nn.Module":
    """Returns the torch module that a specification names, on the CPU.

    Args:
      spec: `timm:NAME`, an architecture of timm, with the config's image size, channels
        and classes; or `FILE.py:FUNCTION`, whose code runs: the function takes nothing
        and returns a module.

    Raises:
      InputError: there is none of that name, or a package is missing.
    """
    where, _, name = spec.rpartition(":")
    if not where or not name:
        raise InputError(f"reference {spec!r}: {EXPECTED}.")
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f"a reference needs torch ({error}): pip install torch."
        ) from error
    module = _of_timm(name, config) if where == "timm" else _of_file(Path(where), name)
    if not isinstance(module, torch.nn.Module):
        raise InputError(
            f"reference {spec!r} gives a {type(module).__name__}: expected a function"
            " that returns a torch.nn.Module."
        )
    return module.float().eval()


def load_tensors(module: "nn.Module", tensors: Mapping[str, NDArray[Any]]) -> None:
    """Writes a file's tensors into a reference, every one by its name.

    Raises:
      ConversionError: a key or shape is not the reference's; the error lists them.
    """
    import torch

    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    faults = compare_shapes({key: tensors[key].shape for key in tensors}, wanted)
    if faults:
        raise ConversionError(
            "the reference does not take the file's tensors",
            faults,
            "Name the architecture that the file is of.",
        )
    # numpy's bfloat16 and float8 are no types of torch's; float32 holds them exactly.
    module.load_state_dict(
        {key: torch.from_numpy(np.array(tensors[key], np.float32)) for key in tensors}
    )


def _of_timm(name: str, config: ViTConfig) -> "nn.Module":
    timm = import_timm()
    if not timm.is_model(name):
        raise InputError(
            f"timm has no model {name!r}.{near(name, timm.list_models(), count=3)}"
            " timm.list_models() lists them."
        )
    rows, columns, channels = config.image_shape
    return timm.create_model(
        name,
        img_size=(rows, columns),
        in_chans=channels,
        num_classes=config.num_classes,
    )


def import_timm() -> Any:
    """Returns timm, also where the torchvision that it imports does not fit torch."""
    try:
        if importlib.util.find_spec("torchvision"):
            importlib.import_module("torchvision")
    except RuntimeError:
        _name_operators()
    try:
        import timm
    except ImportError as error:
        raise InputError(
            f"timm:NAME needs timm ({error}): pip install timm."
        ) from error
    return timm


@functools.cache  # the names live as long as the library's object does
def _name_operators() -> Any:
    """Names two operators to torch that a torchvision built for CUDA describes.

    Beside a torch for the CPU they are missing, and the import fails. No ViT calls
    them, so that the names are enough.
    """
    import torch

    for loaded in [key for key in sys.modules if key.startswith("torchvision")]:
        del sys.modules[loaded]
    operators = torch.library.Library("torchvision", "DEF")
    operators.define("nms(Tensor dets, Tensor scores, float threshold) -> Tensor")
    operators.define("qnms(Tensor dets, Tensor scores, float threshold) -> Tensor")
    return operators


def _of_file(path: Path, name: str) -> Any:
    """Returns what a function in a Python file gives."""
    if not path.is_file() or path.suffix != ".py":
        raise InputError(f"there is no Python file {path}: {EXPECTED}.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, name, None)):
        found = [key for key, value in vars(module).items() if callable(value)]
        raise InputError(f"{path} has no function {name!r}.{near(name, found)}")
    return getattr(module, name)()
