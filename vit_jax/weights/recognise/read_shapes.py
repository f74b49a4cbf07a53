"""The fields of a config that keys and shapes tell."""

import math
from collections.abc import Mapping
from typing import Any

from vit_jax.architecture import pair
from vit_jax.errors import InputError
from vit_jax.weights.recognise.seen import Seen

Fields = dict[str, Any]

PRESENT = {
    "distill_token": "embed.dist_token",
    "patch_bias": "embed.proj.bias",
    "pixel_norm": "embed.pixel_norm.scale",
    "patch_norm": "embed.patch_norm.scale",
    "stem_norm": "embed.norm.scale",
    "attn_proj": "blocks.{i}.attn.proj.kernel",
    "proj_bias": "blocks.{i}.attn.proj.bias",
    "qk_norm": "blocks.{i}.attn.q_norm.scale",
    "attn_norm": "blocks.{i}.attn.norm.scale",
    "mlp_norm": "blocks.{i}.mlp.norm.scale",
    "relative_position_bias": "blocks.{i}.attn.relative_bias",
    "final_norm": "norm.scale",
    "norm_after_pool": "pool.norm.scale",
}
"""Fields that are True where a file has a parameter."""


def read_shapes(seen: Seen, known: Mapping[str, Any]) -> Fields:
    """Returns the fields that are told, and `attn_dim`, the width of all heads.

    Args:
      known: fields that are certain; image_size and position_on help to read a position
        table, whose rows are a square grid where image_size is not known.

    Raises:
      InputError: the layout's essential keys are not there, or the table's rows are of
        no grid.
    """
    kernel = seen.shape("embed.proj.kernel")
    query = seen.shape("blocks.{i}.attn.q.kernel")
    hidden = seen.shape("blocks.{i}.mlp.fc2.kernel")
    if not (kernel and query and hidden):
        raise InputError(
            f"the weights are not in the {seen.layout.name} layout: it would have"
            " patch_embed, attention and MLP under its names."
        )
    told: Fields = {name: seen.has(PRESENT[name]) for name in PRESENT}
    told |= {"embed_dim": kernel[1], "depth": seen.depth, "mlp_dim": hidden[0]}
    told |= {"attn_dim": query[1], **_patches(seen, kernel[0], known)}
    told |= {**_attention(seen, query[1]), **_mlp(seen, hidden[0]), **_head(seen)}
    told |= _tokens(seen)
    return {**told, **_positions(seen, {**told, **known})}


def _patches(seen: Seen, values: int, known: Mapping[str, Any]) -> Fields:
    axes = seen.axes("embed.proj.kernel")
    if "rows" in axes:
        size = (axes["rows"], axes["columns"])
        return {"patch_size": _single(size), "in_channels": axes["channels"]}
    # Flattened patches: three channels and a square, if nothing says otherwise.
    channels = known.get("in_channels", 3)
    side = math.isqrt(values // channels)
    if "patch_size" in known:
        return {}
    if side * side * channels != values:
        raise InputError(
            f"patches have {values} values, which are no square of {channels} channels:"
            " give patch_size and in_channels (--patch-size, --in-channels)."
        )
    return {"patch_size": side, "in_channels": channels}


def _tokens(seen: Seen) -> Fields:
    registers = seen.shape("embed.reg_token")
    scale = seen.has("blocks.{i}.ls1.gamma")
    first = seen.has("blocks.{i}.norm1.scale") and not seen.has("blocks.{i}.norm1.bias")
    return {
        "class_token": "first" if seen.has("embed.cls_token") else "none",
        "num_registers": registers[-2] if registers else 0,
        "layer_scale": 1e-5 if scale else None,
        "layer_scale_on": "both"
        if seen.has("blocks.{i}.ls2.gamma") or not scale
        else "attn",
        "norm": "rms" if first else "layer",
    }


def _attention(seen: Seen, width: int) -> Fields:
    biases = "".join(p for p in "qkv" if seen.has(f"blocks.{{i}}.attn.{p}.bias"))
    found: Fields = {
        "qkv_bias": biases or "none",
        "differential": seen.has("blocks.{i}.attn.differential.lambda_q1"),
    }
    norm = seen.shape("blocks.{i}.attn.q_norm.scale")
    freqs = seen.shape("blocks.{i}.attn.rope.freqs")
    relative = seen.shape("blocks.{i}.attn.relative_bias")
    axes = seen.axes("blocks.{i}.attn.q.kernel")
    if freqs:
        found["rope"] = "mixed"
    if "heads" in axes:
        found["num_heads"] = axes["heads"]
    elif norm and width % norm[-1] == 0:
        found["num_heads"] = width // norm[-1]
    elif freqs or relative:
        found["num_heads"] = freqs[1] if freqs else (relative or (0,))[-1]
    return found


def _mlp(seen: Seen, hidden: int) -> Fields:
    gate = seen.shape("blocks.{i}.mlp.gate.kernel")
    biases = [seen.has(f"blocks.{{i}}.mlp.{name}.bias") for name in ("fc1", "fc2")]
    return {
        # A tensor of two halves is also where a plain MLP's first layer stands.
        "mlp": "gated" if gate and gate[1] == hidden else "plain",
        "mlp_bias": {(True, True): "both", (True, False): "fc1"}.get(
            (biases[0], biases[1]), "none"
        ),
    }


def _head(seen: Seen) -> Fields:
    kernel, width = seen.shape("head.kernel"), seen.shape("pre_logits.kernel")
    found: Fields = {
        "num_classes": kernel[1] if kernel else 0,
        "pre_logits": width[1] if width else None,
    }
    if kernel:
        found["head_bias"] = seen.has("head.bias")
    pooled = (width or kernel or (0,))[0]
    embed_dim = (seen.shape("embed.proj.kernel") or (0, 0))[1]
    if seen.has("pool.attn.latent"):
        found["pool"] = "map"
        mlp_dim = (seen.shape("pool.attn.mlp.fc1.kernel") or (0, 0))[1]
        hidden = (seen.shape("blocks.{i}.mlp.fc2.kernel") or (0,))[0]
        found["pool_mlp_dim"] = None if mlp_dim == hidden else mlp_dim
    elif pooled == 2 * embed_dim:
        found["pool"] = "cls_mean"
    elif not seen.has("embed.cls_token"):
        found["pool"] = "mean"
    return found


def _positions(seen: Seen, known: Fields) -> Fields:
    table = seen.shape("embed.pos_embed")
    bias = seen.shape("blocks.{i}.attn.relative_bias")
    if table is None:
        if bias and "image_size" not in known and "patch_size" in known:
            side = (math.isqrt(bias[0] - 3) + 1) // 2
            return {"image_size": _scale((side, side), known["patch_size"])}
        return {}
    found: Fields = {"position": "learned"}
    rows, registers = table[-2], known["num_registers"]
    others = (known["class_token"] != "none") + known["distill_token"]
    on = {"all": others + registers, "class": others, "patches": 0}
    if not others:
        del on["class"]
    if "position_on" in known:
        on = {known["position_on"]: on[known["position_on"]]}
    # Where the image size that was asked for does not fit, a square may.
    square = {name: known[name] for name in known if name != "image_size"}
    for sizes in (known, square):
        for name, prefix in on.items():
            grid = _grid(rows - prefix, sizes)
            if grid:
                found["position_on"] = name
                if "image_size" not in sizes and "patch_size" in sizes:
                    found["image_size"] = _scale(grid, sizes["patch_size"])
                return found
    raise InputError(
        f"the position table has {rows} rows, which is no square grid of patches with"
        f" {others + registers} tokens before it: name a preset, or give image_size"
        " (--image-size ROWS COLUMNS)."
    )


def _grid(patches: int, known: Fields) -> tuple[int, int] | None:
    """Returns rows and columns of a number of patches; None if they make no grid."""
    if "image_size" in known and "patch_size" in known:
        sides = zip(pair(known["image_size"]), pair(known["patch_size"]), strict=True)
        rows, columns = (image // patch for image, patch in sides)
        return (rows, columns) if rows * columns == patches else None
    side = math.isqrt(max(patches, 0))
    return (side, side) if patches > 0 and side * side == patches else None


def _scale(grid: tuple[int, int], patch: Any) -> Any:
    rows, columns = pair(patch)
    return _single((grid[0] * rows, grid[1] * columns))


def _single(size: tuple[int, int]) -> Any:
    return size[0] if size[0] == size[1] else size
