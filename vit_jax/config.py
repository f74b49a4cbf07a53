"""ViTConfig: every architectural choice of a Vision Transformer, checked."""

import dataclasses
from typing import Any, Literal

from vit_jax.errors import InputError, near

Size = int | tuple[int, int]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """One Vision Transformer; the defaults are ViT-B/16 (arXiv:2010.11929, table 1)."""

    image_size: Size = 224
    """Pixels, or (rows, columns) of pixels. A square pair is stored as one number."""
    patch_size: Size = 16
    """Pixels, or (rows, columns) of pixels; divides image_size."""
    in_channels: int = 3
    num_classes: int = 1000
    """Outputs of the head; 0 leaves the head out and returns features."""
    embed_dim: int = 768
    depth: int = 12
    """Number of blocks."""
    num_heads: int = 12
    head_dim: int | None = None
    """Width of one head; None for embed_dim / num_heads."""
    mlp_dim: int = 3072
    """Hidden width of the MLP, absolute."""

    class_token: Literal["first", "none"] = "first"
    distill_token: bool = False
    """A second token with a head of its own; the logits are the mean of both heads
    (DeiT, arXiv:2012.12877, section 4)."""
    position: Literal["learned", "none"] = "learned"
    position_on_prefix: bool = True
    """Whether the position table has rows for the class and distillation tokens.
    DeiT III (arXiv:2204.07118) adds positions to the patches only."""

    norm_eps: float = 1e-6
    qkv_bias: bool = True
    attn_scale: float | None = None
    """Factor on the attention logits; None for head_dim ** -0.5."""
    activation: Literal["gelu", "gelu_tanh", "quick_gelu", "relu", "silu"] = "gelu"
    """gelu is the exact one (erf), as torch runs it."""
    layer_scale: float | None = None
    """Initial value of a learned factor per channel on each residual branch
    (CaiT, arXiv:2103.17239, section 2); None leaves the factors out."""

    final_norm: bool = True
    """A LayerNorm behind the last block."""
    pool: Literal["cls", "mean", "none"] = "cls"
    """The class token, the mean over the patch tokens, or every token."""
    norm_after_pool: bool = False
    """A LayerNorm on the pooled features (timm's fc_norm)."""

    dropout: float = 0.0
    """Rate after the attention's and the MLP's linear layers, in training."""
    attn_dropout: float = 0.0
    """Rate on the attention weights, in training."""
    pos_dropout: float = 0.0
    """Rate on the tokens after the positions are added, in training."""
    drop_path: float = 0.0
    """Rate of dropping a residual branch of a sample, in training: 0 at the first
    block, this at the last (stochastic depth, arXiv:1603.09382)."""

    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products and activations. Parameters, norms, softmax and logits
    stay float32. Like the three below it changes no parameter."""
    attention: Literal["auto", "xla", "cudnn"] = "auto"
    """Implementation of jax.nn.dot_product_attention. cudnn needs an NVIDIA GPU,
    bfloat16 and no attention dropout."""
    scan_layers: bool = False
    """Compile one block and loop over it: compile time independent of depth."""
    remat: bool = False
    """Compute each block's activations again in the backward pass: less memory."""

    def __post_init__(self) -> None:
        for name in ("image_size", "patch_size"):
            size = getattr(self, name)
            if not isinstance(size, int):
                rows, columns = size
                canonical = rows if rows == columns else (rows, columns)
                object.__setattr__(self, name, canonical)
        faults = _find_faults(self)
        if faults:
            raise InputError("\n".join(faults))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels of one image."""
        return (*_pair(self.image_size), self.in_channels)

    @property
    def patch_shape(self) -> tuple[int, int]:
        """Rows and columns of one patch, in pixels."""
        return _pair(self.patch_size)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        rows, columns, _ = self.image_shape
        return rows // self.patch_shape[0], columns // self.patch_shape[1]

    @property
    def num_patches(self) -> int:
        """Patches of one image."""
        return self.grid[0] * self.grid[1]

    @property
    def num_prefix(self) -> int:
        """Tokens that stand before the patches."""
        return (self.class_token != "none") + self.distill_token

    @property
    def num_positions(self) -> int:
        """Rows of the position table."""
        return self.num_patches + self.num_prefix * self.position_on_prefix

    @property
    def dim_per_head(self) -> int:
        """head_dim, or embed_dim / num_heads where it is None."""
        return self.head_dim or self.embed_dim // self.num_heads

    def replace(self, **changes: Any) -> "ViTConfig":
        """Returns a copy with other values.

        Raises:
          InputError: a name is no field of ViTConfig, or the result is no valid model.
        """
        fields = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in fields:
                message = f"{name!r} is no field of ViTConfig.{near(name, fields)}"
                raise InputError(f"{message} The fields: {', '.join(fields)}.")
        return dataclasses.replace(self, **changes)


def _pair(size: Size) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size


def _find_faults(config: ViTConfig) -> list[str]:
    """Returns one sentence for each thing that is wrong with a config."""
    c = config
    faults: list[str] = []
    counts = ["in_channels", "embed_dim", "depth", "num_heads", "mlp_dim"]
    for name, value in [
        *((name, getattr(c, name)) for name in counts),
        *(("image_size", size) for size in _pair(c.image_size)),
        *(("patch_size", size) for size in _pair(c.patch_size)),
    ]:
        if value < 1:
            faults.append(f"{name}={value} is not a positive number.")
    if c.num_classes < 0:
        faults.append(f"num_classes={c.num_classes} is negative; 0 means no head.")
    for name in ("dropout", "attn_dropout", "pos_dropout", "drop_path"):
        if not 0 <= getattr(c, name) < 1:
            faults.append(f"{name}={getattr(c, name)} is no rate: choose 0 <= x < 1.")
    if c.norm_eps <= 0:
        faults.append(f"norm_eps={c.norm_eps} is not positive; timm's ViTs use 1e-6.")
    if faults:
        return faults
    pairs = zip(_pair(c.image_size), _pair(c.patch_size), strict=True)
    if any(image % patch for image, patch in pairs):
        faults.append(
            f"image_size={c.image_size} is not a multiple of patch_size={c.patch_size}."
            " Choose an image_size that the patches tile exactly."
        )
    if c.head_dim is None and c.embed_dim % c.num_heads:
        faults.append(
            f"embed_dim={c.embed_dim} does not divide into num_heads={c.num_heads}"
            " equal heads. Choose num_heads from the divisors of embed_dim (published"
            " models keep embed_dim / num_heads at 64), or set head_dim."
        )
    if c.head_dim is not None and c.head_dim < 1:
        faults.append(f"head_dim={c.head_dim} is not a positive number.")
    if c.pool == "cls" and c.class_token == "none":
        faults.append(
            "pool='cls' needs a class token, but class_token='none'."
            " Choose pool='mean', or class_token='first'."
        )
    if c.distill_token and (c.pool != "cls" or c.class_token == "none"):
        faults.append(
            "distill_token=True averages the heads of the class and the distillation"
            " token: it needs class_token='first' and pool='cls'."
        )
    if c.attention == "cudnn" and (c.dtype != "bfloat16" or c.attn_dropout):
        faults.append(
            f"attention='cudnn' takes bfloat16 and no attention dropout, but dtype="
            f"{c.dtype!r} and attn_dropout={c.attn_dropout}. Choose attention='auto'."
        )
    return faults
