"""Finding out what a file is: wrappers, layout, and the config its shapes tell."""

import math
import re
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError

Tensors = dict[str, NDArray[Any]]

# Training files wrap the weights; the first key that is there is opened.
WRAPPERS = ("state_dict", "model", "module")
# Data-parallel and compiled modules put a word before each key.
PREFIXES = ("module.", "_orig_mod.")
# Published widths whose heads are not 64 wide.
NUM_HEADS = {1152: 16, 1280: 16, 1408: 16, 1536: 24, 1664: 16, 1792: 16, 4096: 32}


def peel(tree: Any, where: str) -> Tensors:
    """Returns the tensors by key in what a file held, out of its wrappers.

    Raises:
      InputError: there is no dict of tensors in it.
    """
    while isinstance(tree, Mapping):
        tree = cast(Mapping[Any, Any], tree)
        inner = [tree[key] for key in WRAPPERS if isinstance(tree.get(key), Mapping)]
        if not inner:
            break
        tree = inner[0]
    found: Mapping[Any, Any] = {}
    if isinstance(tree, Mapping):
        found = cast(Mapping[Any, Any], tree)
    tensors: Tensors = {
        key: value
        for key, value in found.items()
        if isinstance(key, str) and isinstance(value, np.ndarray)
    }
    if not tensors:
        raise InputError(
            f"{where} holds no dict of tensors: save a module's state_dict() with"
            " torch.save, alone or under one of " + ", ".join(WRAPPERS) + "."
        )
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): tensors[key] for key in tensors}
    return tensors


def infer_config(
    tensors: Mapping[str, NDArray[Any]], *, num_heads: int | None = None
) -> ViTConfig:
    """Returns the model that shapes in the timm layout tell, the rest at its usual.

    A square image is assumed, and that what `GUESSES` names is as in timm's plain ViTs:
    no tensor's shape tells it.

    Args:
      num_heads: None for heads 64 wide, or as published models of that width have.

    Raises:
      InputError: the keys are not timm's, the shapes are of no model, or the number of
        heads must be given.
    """
    try:
        embed_dim, channels, rows, columns = tensors["patch_embed.proj.weight"].shape
        mlp_dim = tensors["blocks.0.mlp.fc1.weight"].shape[0]
        qkv_dim = tensors["blocks.0.attn.qkv.weight"].shape[0] // 3
    except (KeyError, ValueError) as error:
        keys = ", ".join(sorted(tensors)[:3])
        raise InputError(
            "the weights are in no layout that is known here (timm): it would have"
            f" patch_embed.proj.weight (4 axes), blocks.0.attn.qkv.weight and"
            f" blocks.0.mlp.fc1.weight, but the keys are {keys}, ..."
        ) from error
    indices = [re.match(r"blocks\.(\d+)\.", key) for key in tensors]
    class_token, distill = "cls_token" in tensors, "dist_token" in tensors
    norm_after_pool = "fc_norm.weight" in tensors
    on_prefix, grid = _infer_positions(tensors, class_token + distill)
    num_heads = num_heads or NUM_HEADS.get(embed_dim) or qkv_dim // 64
    if not num_heads or qkv_dim % num_heads:
        raise InputError(
            f"attention {qkv_dim} wide does not divide into heads of 64, and weights do"
            " not tell num_heads: give num_heads (--num-heads), or name a preset."
        )
    return ViTConfig(
        image_size=(grid * rows, grid * columns),
        patch_size=(rows, columns),
        in_channels=channels,
        num_classes=len(tensors["head.weight"]) if "head.weight" in tensors else 0,
        embed_dim=embed_dim,
        depth=1 + max(int(match[1]) for match in indices if match),
        num_heads=num_heads,
        head_dim=None if qkv_dim == embed_dim else qkv_dim // num_heads,
        mlp_dim=mlp_dim,
        class_token="first" if class_token else "none",
        distill_token=distill,
        position_on="all" if on_prefix else "patches",
        qkv_bias="qkv" if "blocks.0.attn.qkv.bias" in tensors else "none",
        layer_scale=1e-5 if "blocks.0.ls1.gamma" in tensors else None,
        final_norm="norm.weight" in tensors,
        pool="cls" if class_token and not norm_after_pool else "mean",
        norm_after_pool=norm_after_pool,
    )


GUESSES = ("num_heads", "norm_eps", "activation", "attn_scale", "pool", "image_size")
"""What weights do not tell, or not for certain; a preset does."""

TOLD = (
    "image_size",
    "patch_size",
    "in_channels",
    "num_classes",
    "embed_dim",
    "depth",
    "mlp_dim",
    "class_token",
    "distill_token",
    "position_on",
    "qkv_bias",
    "layer_scale",
    "final_norm",
    "norm_after_pool",
)
"""What keys and shapes tell."""


def told_by_shapes(config: ViTConfig) -> dict[str, Any]:
    """Returns the fields that shapes tell; of layer_scale only whether it is there."""
    told = {name: getattr(config, name) for name in TOLD}
    return {**told, "layer_scale": None if config.layer_scale is None else 1e-5}


def _infer_positions(
    tensors: Mapping[str, NDArray[Any]], num_prefix: int
) -> tuple[bool, int]:
    """Returns whether the prefix has positions, and the patches along a side."""
    if "pos_embed" not in tensors:
        raise InputError(
            "the weights have no pos_embed, so the image size cannot be told: name a"
            " preset, such as vit_base_patch16_224."
        )
    rows = tensors["pos_embed"].shape[1]
    # Never both: n^2 - 1 and n^2 - 2 are no squares for n > 1.
    for on_prefix in (True, False):
        patches = rows - num_prefix * on_prefix
        if patches > 0 and math.isqrt(patches) ** 2 == patches:
            return on_prefix, math.isqrt(patches)
    raise InputError(
        f"pos_embed has {rows} rows, which is no square grid of patches with"
        f" {num_prefix} tokens before it: name a preset, or give image_size=(rows,"
        " columns) with it."
    )
