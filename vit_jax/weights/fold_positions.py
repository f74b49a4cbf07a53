"""The class token's position into the token, for code that has none for it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError

TABLE, TOKEN = "embed.pos_embed", "embed.cls_token"


def fold_positions(
    params: Mapping[str, NDArray[Any]], config: ViTConfig
) -> tuple[dict[str, NDArray[Any]], ViTConfig]:
    """Returns a model whose tokens before the patches have their positions in them.

    Raises:
      InputError: they have none of their own.
    """
    if config.position != "learned" or (config.class_token, config.distill_token) != (
        "first",
        False,
    ):
        raise InputError(
            "fold_positions needs one class token with a learned position."
        )
    if config.position_on != "class" and config.num_prefix > 1:
        raise InputError(
            f"fold_positions has nothing to do: position_on={config.position_on!r}."
        )
    table, token = params[TABLE], params[TOKEN]
    folded = token.astype(np.float32) + table[:, :1].astype(np.float32)
    changed = {TABLE: table[:, 1:], TOKEN: folded.astype(token.dtype)}
    return {**params, **changed}, config.replace(position_on="patches")
