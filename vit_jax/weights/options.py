"""What is said of weights in words: what their files do not tell, what may be changed.

The same flags for every command that reads weights; imports nothing heavy.
"""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import arg

from vit_jax.architecture import Size
from vit_jax.config import ViTConfig
from vit_jax.weights.resamplings import Resampling

if TYPE_CHECKING:
    from vit_jax.weights.read import Adapting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What a weights file does not tell of its model."""

    source_layout: str | None = None
    """Whose names the file has, where that is not found out; see `vit-jax layouts`."""
    entry: str | None = None
    """Which of several wrapped dicts of weights, such as model_ema."""
    preset: str | None = None
    """Published model that the weights are of; see `vit-jax presets`."""
    num_heads: int | None = None
    """Where no preset says it: weights do not tell."""
    norm_eps: float | None = None
    """Where no preset says it: weights do not tell."""
    activation: Literal["gelu", "gelu_tanh", "quick_gelu", "relu", "silu"] | None = None
    """Where no preset says it: weights do not tell."""
    pool: Literal["cls", "token", "mean", "cls_mean", "map", "none"] | None = None
    """Where no preset says it: weights do not tell."""
    num_classes: int | None = None
    """Where it is not the preset's."""
    in_channels: int | None = None
    """Where it is not the preset's."""
    image_size: Annotated[Size | None, arg(metavar="INT [INT]")] = None
    """Where it is not the preset's."""
    patch_size: Annotated[Size | None, arg(metavar="INT [INT]")] = None
    """Where it is not the preset's."""

    def fields(self) -> dict[str, Any]:
        """Returns the fields of ViTConfig that were given."""
        names = [field.name for field in dataclasses.fields(ViTConfig)]
        given = {name: getattr(self, name, None) for name in names}
        return {name: value for name, value in given.items() if value is not None}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaptOptions:
    """What may be changed so that weights fit; nothing is unless it is asked for.

    With any of these --image-size, --patch-size, --in-channels and --num-classes are
    what the model gets.
    """

    resample: Resampling | None = None
    """Whose interpolation takes positions and patches to another size."""
    new_head: bool = False
    """Draw a new head for --num-classes, or leave it out for 0."""
    keep_classes: tuple[int, ...] | None = None
    """Indices of the classes that the head keeps, in their order."""
    adapt_channels: bool = False
    """Sum or repeat the patch kernel's channels for --in-channels."""
    fold_positions: bool = False
    """Add the class token's position to the token, as timm does for DINOv2 with
    registers."""

    def adapting(self, *, seed: int = 0) -> "Adapting":
        """Returns these options as `read_release` takes them.

        Args:
          seed: of a new head.
        """
        from vit_jax.weights.read import Adapting

        names = [field.name for field in dataclasses.fields(AdaptOptions)]
        return Adapting(seed=seed, **{name: getattr(self, name) for name in names})
