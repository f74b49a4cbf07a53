"""InitConfig: the weights that a run begins with."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Annotated

from tyro.conf import arg

from vit_jax.architecture import TRAINING
from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.weights.options import AdaptOptions, ModelOptions

REQUIRED = ""
"""In place of the weights, in a recipe that cannot do without: --init names them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class InitConfig(ModelOptions, AdaptOptions):
    """Weights to begin with, and what may be changed so that they fit.

    The model is theirs: of `model` a run then chooses the fields in
    `vit_jax.architecture.TRAINING` alone. What is found out (pixel statistics, hash)
    stands in the workdir's config.json, so that a resumed run does not need the file.
    """

    weights: Annotated[str | None, arg(name="init", prefix_name=False)] = None
    """Weights file, folder of ours, of Hugging Face or of timm, finished run, or
    hf:ORG/NAME; None draws the parameters. The optimizer begins anew."""
    new_head: bool = False
    """Begin with a head of zeros for the classes of the data (arXiv:2010.11929, section
    3.2). Without it a head that does not fit them is refused."""
    pixel_mean: tuple[float, ...] | None = None
    """By which images are normalised, of pixels scaled to 0..1; None for the
    statistics that the weights were trained with."""
    pixel_std: tuple[float, ...] | None = None
    sha256: str | None = None
    """Of the parameters that the run begins with: others are refused. None takes what
    there is."""


# What a first start finds out, and the others read in config.json.
FOUND = ("pixel_mean", "pixel_std", "sha256")


def find_init_faults(init: InitConfig) -> Iterator[str]:
    """Yields a sentence for each fault."""
    if (init.pixel_mean is None) != (init.pixel_std is None):
        yield "pixel_mean and pixel_std belong together: give both or neither."


def check_needed(init: InitConfig) -> None:
    """Raises InputError where something is said of weights, and there are none."""
    if init.weights is not None:
        return
    names = [f.name for f in dataclasses.fields(init)]
    said = [f"init.{n}" for n in names if getattr(init, n) != getattr(InitConfig(), n)]
    if said:
        raise InputError(
            f"{', '.join(said)}: a setting of the weights that a run begins with, and"
            " there are none. Name them with --init FILE, or leave it out."
        )


def combine(asked: ViTConfig, weights: ViTConfig) -> ViTConfig:
    """Returns the model of weights as a run trains it.

    Args:
      asked: of the recipe; where it is not the default, it is the weights' model.

    Raises:
      InputError: the recipe asks for another architecture.
    """
    model = weights.replace(**{name: getattr(asked, name) for name in TRAINING})
    fields = {field.name: field.default for field in dataclasses.fields(ViTConfig)}
    wrong = [
        name
        for name, default in fields.items()
        if getattr(asked, name) not in (default, getattr(model, name))
    ]
    if wrong:
        told = (f"{n}={getattr(asked, n)!r} ({getattr(model, n)!r})" for n in wrong)
        _refuse(f"the recipe asks for {', '.join(told)}", wrong)
    return model


def check_flags(arguments: Iterable[str]) -> None:
    """Raises InputError where flags set the architecture of a model of weights."""
    flags = [a.partition("=")[0] for a in arguments if a.startswith("--model.")]
    names = {f.removeprefix("--model.").replace("-", "_"): f for f in flags}
    wrong = [name for name in names if name.removeprefix("no_") not in TRAINING]
    if wrong:
        _refuse(" ".join(names[name] for name in wrong), wrong)


def _refuse(what: str, names: list[str]) -> None:
    flags = {
        "image_size": "--init.image-size with --init.resample timm",
        "patch_size": "--init.patch-size with --init.resample timm",
        "in_channels": "--init.in-channels with --init.adapt-channels",
        "num_classes": "--init.new-head",
    }
    asks = [f"{name} is changed by {flags[name]}" for name in flags if name in names]
    raise InputError(
        f"{what}: with --init the model is that of the weights. Leave it out"
        f"{''.join(f'; {ask}' for ask in asks)}. A run chooses {', '.join(TRAINING)}."
    )
