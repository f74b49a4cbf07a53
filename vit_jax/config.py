"""ViTConfig: an architecture that has been checked."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from vit_jax.architecture import Architecture
from vit_jax.architecture_rules import find_faults
from vit_jax.errors import InputError, near


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViTConfig(Architecture):
    """One Vision Transformer; the defaults are ViT-B/16 (arXiv:2010.11929, table 1).

    The fields are `vit_jax.architecture`'s.

    Raises:
      InputError: the choices do not make a model; every reason is told.
    """

    def __post_init__(self) -> None:
        for name in ("image_size", "patch_size"):
            size = getattr(self, name)
            if not isinstance(size, int):
                rows, columns = size
                canonical = rows if rows == columns else (rows, columns)
                object.__setattr__(self, name, canonical)
        faults = find_faults(self)
        if faults:
            raise InputError("\n".join(faults))

    def replace(self, **changes: Any) -> "ViTConfig":
        """Returns a copy with other values.

        Raises:
          InputError: a name is no field of ViTConfig, or the result is no valid model.
        """
        check_names(changes)
        return dataclasses.replace(self, **changes)


def check_names(changes: Iterable[str]) -> None:
    """Raises InputError if a name is no field of ViTConfig."""
    fields = [field.name for field in dataclasses.fields(ViTConfig)]
    for name in changes:
        if name not in fields:
            message = f"{name!r} is no field of ViTConfig.{near(name, fields)}"
            raise InputError(f"{message} The fields: {', '.join(fields)}.")
