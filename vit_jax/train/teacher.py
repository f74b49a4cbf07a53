"""The model that is learnt from: read, checked, placed, asked; never trained or saved.

Axes: b batch, n classes, h w k an image.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float

from vit_jax.agree import agree, is_first
from vit_jax.config import ViTConfig
from vit_jax.data.sources import ImageSource
from vit_jax.errors import InputError
from vit_jax.model.params import bind
from vit_jax.pixels import Pixels, normalise
from vit_jax.release import Release
from vit_jax.train.config import TrainConfig, each_field
from vit_jax.train.fingerprint import whole_hash
from vit_jax.train.initial import hash_params
from vit_jax.train.mesh import place_params, shard_state
from vit_jax.train.mesh_config import MeshConfig
from vit_jax.weights.read import read_release

STATIC = {"static": True}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Teacher:
    """A model that gives logits: a pytree, an argument of the compiled step."""

    params: Any
    """float32 by name, split over the mesh as the trained model's are by default."""
    config: ViTConfig = dataclasses.field(metadata=STATIC)
    pixels: Pixels = dataclasses.field(metadata=STATIC)
    """The statistics of the images that it was trained on."""
    hash: str = dataclasses.field(metadata=STATIC)
    """Of all that decides its logits."""


def teach(teacher: Teacher, images: Float[Array, "b h w k"]) -> Float[Array, "b n"]:
    """Returns the teacher's logits, without dropout and without gradients.

    Args:
      images: of 0 to 255.
    """
    model = bind(teacher.config, teacher.params)
    return jax.lax.stop_gradient(model(normalise(images, teacher.pixels)))


def open_teacher(
    config: TrainConfig, source: ImageSource, mesh: Mesh
) -> Teacher | None:
    """Returns the teacher of a run on its devices, None where it has none.

    It computes in the trained model's dtype.

    Args:
      source: the images that are trained on.

    Raises:
      InputError: its weights cannot be read, it does not fit the images and classes, or
        it is not the same in all processes.
    """
    path = config.distill.teacher
    if path is None:
        return None
    release = read_release(Path(path), preset=config.distill.preset)
    _check(release, config, source)
    # Copies: what is mapped from a file, or another's, is not given to the devices.
    params = {name: np.array(x, np.float32) for name, x in release.params.items()}
    found = _hash(params, release)
    _check_agreement(path, found)
    # attention is chosen anew: the release's may not be there on these devices.
    theirs = release.config.replace(dtype=config.model.dtype, attention="auto")
    teacher = Teacher(params, theirs, release.pixels, found)
    # By the default rule alone: mesh.shard_rows name the trained model's parameters.
    shardings = shard_state(teacher, MeshConfig(fsdp=config.mesh.fsdp), mesh)
    placed = place_params(teacher.params, shardings.params)
    return dataclasses.replace(teacher, params=placed)


def _hash(params: dict[str, np.ndarray], release: Release) -> str:
    """Returns a hash of parameters, pixel statistics and what the config chooses."""
    default = dict(each_field(ViTConfig()))
    chosen = {
        f"config.{name}": repr(value)
        for name, value in each_field(release.config)
        if value != default[name]
    }
    pixels = repr((release.pixels.mean, release.pixels.std))
    return whole_hash({**chosen, "params": hash_params(params), "pixels": pixels})


def _check_agreement(path: str, found: str) -> None:
    """Raises InputError, in all processes, if one has read another teacher."""
    first = agree(found if is_first() else "")
    other = agree("" if found == first else str(jax.process_index()))
    if other:
        raise InputError(
            f"distill.teacher={path} is another model for process {other} than for the"
            " first: give all processes the same file."
        )


def _check(release: Release, config: TrainConfig, source: ImageSource) -> None:
    """Raises InputError if a teacher cannot tell the classes of the images."""
    theirs, ours = release.config, config.model
    told = f"distill.teacher={config.distill.teacher}"
    if theirs.pool == "none":
        raise InputError(
            f"{told} has pool='none' and gives logits for every token, but an image has"
            " one class: give another teacher."
        )
    if theirs.image_shape != ours.image_shape:
        raise InputError(
            f"{told} takes images of (rows, columns, channels) {theirs.image_shape},"
            f" but the model is trained on {ours.image_shape}, and both see the same"
            " images: give a teacher of that size. `vit-jax convert` with --image-size"
            " and --resample makes one of it; other channels, --adapt-channels."
        )
    if theirs.num_classes != ours.num_classes:
        raise InputError(
            f"{told} knows {theirs.num_classes} classes, and the model"
            f" {ours.num_classes}: give a teacher of the same classes. `vit-jax"
            " convert` with --keep-classes takes some of its classes."
        )
    names, wanted = release.class_names, tuple(source.class_names)
    if names != wanted and sorted(names) == sorted(wanted):
        raise InputError(
            f"{told} has the classes in another order, {', '.join(names[:3])}, ...,"
            f" than {source}, {', '.join(wanted[:3])}, ...: reorder its head with"
            " `vit-jax convert` and --keep-classes."
        )
