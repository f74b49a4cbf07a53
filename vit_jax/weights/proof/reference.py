"""Torch modules to compare with: a library's by name, or what a function builds."""

import functools
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError, near
from vit_jax.weights.faults import ConversionError, Fault, compare_shapes
from vit_jax.weights.recognise.peel import spellings

if TYPE_CHECKING:
    from torch import nn

EXPECTED = (
    "expected timm:NAME, hf:FOLDER, torchvision:NAME, open_clip:NAME or"
    " FILE.py:FUNCTION"
)


def build_reference(spec: str, config: ViTConfig) -> "nn.Module":
    """Returns the torch module that a specification names, on the CPU.

    Args:
      spec: `timm:NAME`, `torchvision:NAME`, with the config's image size, channels and
        classes; `open_clip:NAME`; `hf:FOLDER`, with the folder's own weights; or
        `FILE.py:FUNCTION`, whose code runs: the function takes nothing and returns a
        module.

    Raises:
      InputError: there is none of that name, or a package is missing.
    """
    where, name = split_spec(spec)
    if not where or not name:
        raise InputError(f"reference {spec!r}: {EXPECTED}.")
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f"a reference needs torch ({error}): pip install torch."
        ) from error
    build = BUILDERS.get(where)
    module = build(name, config) if build else _of_file(Path(where), name)
    if not isinstance(module, torch.nn.Module):
        raise InputError(
            f"reference {spec!r} gives a {type(module).__name__}: expected a function"
            " that returns a torch.nn.Module."
        )
    return module.float().eval()


def split_spec(spec: str) -> tuple[str, str]:
    """Returns the library, or the file, and the name in it."""
    where, _, name = spec.partition(":")
    if where not in BUILDERS:  # a path may have colons of its own
        where, _, name = spec.rpartition(":")
    return where, name


def load_tensors(module: "nn.Module", tensors: Mapping[str, NDArray[Any]]) -> None:
    """Writes a file's tensors into a reference, every one by its name.

    Raises:
      ConversionError: a key or shape is not the reference's; the error lists them.
    """
    import torch

    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    fitting: list[tuple[list[Fault], Mapping[str, NDArray[Any]]]] = []
    for _, named in spellings(dict(tensors)):
        held = {key: named[key] for key in named if key not in NOT_LOADED}
        shapes = {key: held[key].shape for key in held}
        fitting.append((compare_shapes(shapes, wanted), held))
    faults, held = min(fitting, key=lambda found: len(found[0]))
    if faults:
        raise ConversionError(
            "the reference does not take the file's tensors",
            faults,
            "Name the architecture that the file is of.",
        )
    # numpy's bfloat16 and float8 are no types of torch's; float32 holds them exactly.
    module.load_state_dict(
        {key: torch.from_numpy(np.array(held[key], np.float32)) for key in held}
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


def _of_torchvision(name: str, config: ViTConfig) -> "nn.Module":
    mend_torchvision()
    try:
        from torchvision.models import get_model, list_models
    except ImportError as error:
        raise InputError(
            f"torchvision:NAME needs torchvision ({error}): pip install torchvision."
        ) from error

    names = [name for name in list_models() if name.startswith("vit_")]
    if name not in names:
        raise InputError(
            f"torchvision has no ViT {name!r}.{near(name, names)} It has"
            f" {', '.join(names)}."
        )
    size, classes = config.image_shape[0], config.num_classes
    return get_model(name, weights=None, image_size=size, num_classes=classes)


def _of_open_clip(name: str, _config: ViTConfig) -> "nn.Module":
    mend_torchvision()
    try:
        import open_clip
    except ImportError as error:
        raise InputError(
            f"open_clip:NAME needs open_clip ({error}): pip install open_clip_torch."
        ) from error
    names = open_clip.list_models()
    if name not in names:
        told = near(name, names, count=3)
        raise InputError(f"open_clip has no model {name!r}.{told}")
    return open_clip.create_model(name, load_weights=False)


def _of_transformers(name: str, _config: ViTConfig) -> "nn.Module":
    folder = Path(name)
    mend_torchvision()
    try:
        import transformers
    except ImportError as error:
        raise InputError(
            f"hf:FOLDER needs transformers ({error}): pip install transformers."
        ) from error
    try:
        fields = json.loads((folder / "config.json").read_text())
        (kind,) = fields["architectures"]
        if not hasattr(transformers, kind):
            raise ValueError(f"it has no class {kind}")
        return getattr(transformers, kind).from_pretrained(folder)
    except (ImportError, OSError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"transformers cannot open {folder} ({type(error).__name__}: {error}): give"
            " a folder with weights and a config.json that names one architecture."
        ) from error


def import_timm() -> Any:
    """Returns timm, also where the torchvision that it imports does not fit torch."""
    mend_torchvision()
    try:
        import timm
    except ImportError as error:
        raise InputError(
            f"timm:NAME needs timm ({error}): pip install timm."
        ) from error
    return timm


def mend_torchvision() -> None:
    """Lets torchvision be imported where it is built for another torch."""
    try:
        if importlib.util.find_spec("torchvision"):
            importlib.import_module("torchvision")
    except RuntimeError:
        _name_operators()


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


BUILDERS: dict[str, Callable[[str, ViTConfig], "nn.Module"]] = {
    "timm": _of_timm,
    "torchvision": _of_torchvision,
    "open_clip": _of_open_clip,
    "hf": _of_transformers,
}
LOADED = ("hf",)
"""References that come with weights of their own."""
# Beside the weights in OpenAI's files; no module has them.
NOT_LOADED = ("input_resolution", "context_length", "vocab_size")
