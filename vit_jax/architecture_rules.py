"""What can be wrong with an architecture, one sentence each."""

from collections.abc import Iterator
from typing import Literal, get_args, get_origin, get_type_hints

from vit_jax.architecture import Architecture
from vit_jax.errors import near

COUNTS = ("in_channels", "embed_dim", "depth", "num_heads", "mlp_dim", "num_branches")
OPTIONAL_COUNTS = ("head_dim", "position_rows", "pool_heads", "pool_mlp_dim")
OPTIONS = {
    name: get_args(kind)
    for name, kind in get_type_hints(Architecture).items()
    if get_origin(kind) is Literal
}
RATES = ("dropout", "attn_dropout", "pos_dropout", "drop_path")


def find_faults(architecture: Architecture) -> list[str]:
    """Returns a sentence for each fault; of single values alone if any is wrong."""
    rules = (_tokens, _heads, _positions, _blocks, _pooling, _computing)
    wrong_values = [*_choices(architecture), *_numbers(architecture)]
    if wrong_values:
        return wrong_values
    return [fault for rule in rules for fault in rule(architecture)]


def _choices(c: Architecture) -> Iterator[str]:
    for name, options in OPTIONS.items():
        value = getattr(c, name)
        if value not in options:
            told = ", ".join(map(repr, options))
            yield f"{name}={value!r} is none of {told}.{near(str(value), options)}"


def _numbers(c: Architecture) -> Iterator[str]:
    counts = [(name, getattr(c, name)) for name in COUNTS]
    counts += [("image_size", size) for size in c.image_shape[:2]]
    counts += [("patch_size", size) for size in c.patch_shape]
    counts += [(name, getattr(c, name)) for name in (*OPTIONAL_COUNTS, "pre_logits")]
    counts += [("num_kv_heads", heads) for heads in c.num_kv_heads or ()]
    counts += [("rope_grid", size) for size in c.rope_grid or ()]
    for name, value in counts:
        if value is not None and value < 1:
            yield f"{name}={value} is not a positive number."
    if c.num_classes < 0:
        yield f"num_classes={c.num_classes} is negative; 0 means no head."
    if c.num_registers < 0:
        yield f"num_registers={c.num_registers} is negative; 0 means none."
    for name in RATES:
        if not 0 <= getattr(c, name) < 1:
            yield f"{name}={getattr(c, name)} is no rate: choose 0 <= x < 1."
    if c.norm_eps <= 0:
        yield f"norm_eps={c.norm_eps} is not positive; timm's ViTs use 1e-6."
    if c.rope_temperature <= 0:
        yield (
            f"rope_temperature={c.rope_temperature} is not positive; DINOv3 uses 100."
        )


def _tokens(c: Architecture) -> Iterator[str]:
    pairs = zip(c.image_shape[:2], c.patch_shape, strict=True)
    if not c.drop_remainder and any(image % patch for image, patch in pairs):
        yield (
            f"image_size={c.image_size} is not a multiple of patch_size={c.patch_size}."
            " Choose an image_size that the patches tile exactly, or"
            " drop_remainder=True to leave the rest unseen."
        )
    if 0 in c.grid:
        yield f"image_size={c.image_size} is smaller than patch_size={c.patch_size}."
    if c.distill_token and (c.pool != "cls" or c.class_token != "first"):
        yield (
            "distill_token=True averages the heads of the class and the distillation"
            " token: it needs class_token='first' and pool='cls'."
        )


def _heads(c: Architecture) -> Iterator[str]:
    if c.head_dim is None and c.embed_dim % c.num_heads:
        yield (
            f"embed_dim={c.embed_dim} does not divide into num_heads={c.num_heads}"
            " equal heads. Choose num_heads from the divisors of embed_dim (published"
            " models keep embed_dim / num_heads at 64), or set head_dim."
        )
    kv_heads = c.num_kv_heads
    if kv_heads and (
        len(kv_heads) != c.depth or any(c.num_heads % n for n in kv_heads)
    ):
        yield (
            f"num_kv_heads={kv_heads} must give each of the depth={c.depth} blocks a"
            f" divisor of num_heads={c.num_heads}."
        )
    inner_dim = c.num_heads * c.dim_per_head
    if not c.attn_proj and inner_dim != c.embed_dim:
        yield (
            f"attn_proj=False adds the heads' {inner_dim} channels to tokens of"
            f" embed_dim={c.embed_dim}: they must be as many."
        )
    if c.differential and (c.dim_per_head % 2 or c.num_kv_heads or c.rope != "none"):
        yield (
            "differential=True halves each head of q and k: it needs an even head_dim,"
            " and neither num_kv_heads nor rope."
        )


def _positions(c: Architecture) -> Iterator[str]:
    if c.position_rows is not None and (
        c.position != "learned" or c.position_rows < c.num_positions
    ):
        yield (
            f"position_rows={c.position_rows} is the length of a learned table with at"
            f" least one row for each of the {c.num_positions} positions."
        )
    if c.position in ("sincos2d", "sincos2d_moco"):
        if c.embed_dim % 4:
            yield (
                f"position={c.position!r} fills embed_dim in quarters: {c.embed_dim} is"
                " not a multiple of 4."
            )
        if c.position_on != "patches":
            yield f"position={c.position!r} needs position_on='patches'."
    if c.rope != "none" and c.dim_per_head % 4:
        yield (
            f"rope={c.rope!r} rotates pairs for rows and for columns: head_dim"
            f" {c.dim_per_head} is not a multiple of 4."
        )
    if c.rope != "centred" and c.rope_dtype != "float32":
        yield f"rope_dtype={c.rope_dtype!r} belongs to rope='centred', not {c.rope!r}."
    if c.rope == "mixed" and (c.rope_pairs, c.num_kv_heads) != ("interleaved", None):
        yield "rope='mixed' needs rope_pairs='interleaved' and no num_kv_heads."
    if c.rope != "axial" and (c.rope_offset or c.rope_grid):
        yield f"rope_offset and rope_grid belong to rope='axial', not {c.rope!r}."
    if c.relative_position_bias and (c.class_token, c.num_prefix) != ("first", 1):
        yield (
            "relative_position_bias=True has rows for patches and one class token"
            " before them: it needs class_token='first' and no other token."
        )


def _blocks(c: Architecture) -> Iterator[str]:
    if c.drop_path_mode != "linear" and not c.drop_path:
        yield f"drop_path_mode={c.drop_path_mode!r} does nothing without drop_path."
    if c.num_branches > 1 and c.block != "pre":
        yield f"num_branches={c.num_branches} needs block='pre', not {c.block!r}."
    beside = c.block == "parallel" or c.num_branches > 1
    if beside and c.layer_scale_on != "both":
        yield "layer_scale_on='attn' needs one attention before one MLP in each block."
    if c.attend_over == "batch" and (c.rope != "none" or c.relative_position_bias):
        yield "attend_over='batch' knows no places of tokens: leave out rope and bias."


def _pooling(c: Architecture) -> Iterator[str]:
    if c.pool in ("cls", "cls_mean") and c.class_token == "none":
        yield (
            f"pool={c.pool!r} needs a class token, but class_token='none'."
            " Choose pool='mean', or class_token='first'."
        )
    if c.pool == "token" and not -c.num_tokens <= c.pool_token < c.num_tokens:
        yield f"pool_token={c.pool_token}: there are {c.num_tokens} tokens."
    if c.pool == "cls_mean" and c.norm_after_pool:
        yield "pool='cls_mean' joins two features: it has no norm_after_pool."
    heads = c.pool_heads or c.num_heads
    if c.pool == "map" and c.embed_dim % heads:
        yield (
            f"pool='map' divides embed_dim={c.embed_dim} into {heads} heads: choose"
            " pool_heads from its divisors."
        )


def _computing(c: Architecture) -> Iterator[str]:
    if c.attention == "cudnn" and (
        c.dtype != "bfloat16" or c.attn_dropout or c.differential
    ):
        yield (
            f"attention='cudnn' takes bfloat16 and no attention dropout, but dtype="
            f"{c.dtype!r} and attn_dropout={c.attn_dropout}, differential="
            f"{c.differential}. Choose attention='auto'."
        )
    if c.scan_layers and (c.num_kv_heads or c.differential):
        yield (
            "scan_layers=True compiles one block for all: num_kv_heads and differential"
            " make each block another."
        )
