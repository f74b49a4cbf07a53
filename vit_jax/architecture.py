"""Architecture: every choice that makes a Vision Transformer, and what follows."""

import dataclasses
from typing import Literal

Size = int | tuple[int, int]

# The fields that a run chooses, whatever weights it begins with: no parameter's shape
# depends on them, nor what a trained model computes.
TRAINING = (
    "dropout",
    "attn_dropout",
    "pos_dropout",
    "drop_path",
    "drop_path_mode",
    "dtype",
    "attention",
    "scan_layers",
    "remat",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """One Vision Transformer; the defaults are ViT-B/16 (arXiv:2010.11929, table 1)."""

    # Sizes

    image_size: Size = 224
    """Pixels, or (rows, columns) of pixels. A square pair is stored as one number."""
    patch_size: Size = 16
    """Pixels, or (rows, columns) of pixels; divides image_size."""
    drop_remainder: bool = False
    """Lets patch_size not divide image_size: the last rows and columns, too few for a
    patch, are not seen, as in a strided convolution (SigLIP So400m/14 at 384)."""
    in_channels: int = 3
    num_classes: int = 1000
    """Outputs of the head; 0 leaves the head out and returns features."""
    embed_dim: int = 768
    depth: int = 12
    """Number of blocks."""
    num_heads: int = 12
    num_kv_heads: tuple[int, ...] | None = None
    """Heads of k and v in each block, fewer than num_heads where queries share them
    (grouped-query attention, arXiv:2305.13245); None for num_heads everywhere."""
    head_dim: int | None = None
    """Width of one head; None for embed_dim / num_heads."""
    mlp_dim: int = 3072
    """Hidden width of the MLP, absolute; of one half where the MLP is gated."""

    # Tokens and positions

    class_token: Literal["first", "last", "none"] = "first"
    distill_token: bool = False
    """A second token with a head of its own; the logits are the mean of both heads
    (DeiT, arXiv:2012.12877, section 4)."""
    num_registers: int = 0
    """Learned tokens before the patches that no head reads (arXiv:2309.16588)."""
    patch_bias: bool = True
    pixel_norm: bool = False
    """A norm on a patch's pixels before they are projected, which with patch_norm is
    Dual PatchNorm (arXiv:2302.01327)."""
    patch_norm: bool = False
    """A norm on the projected patches (AIMv2, arXiv:2411.14402)."""
    position: Literal["learned", "sincos2d", "sincos2d_moco", "none"] = "learned"
    """Added to the tokens. sincos2d is MAE's formula (arXiv:2111.06377), whose lowest
    frequency is above 1/10000; sincos2d_moco that of MoCo v3, big_vision and SimpleViT
    (arXiv:2205.01580), which reaches it."""
    position_on: Literal["all", "class", "patches"] = "all"
    """Which tokens have a row in the position table: all, all but the registers
    (DINOv2), or the patches only (DeiT III, arXiv:2204.07118)."""
    position_rows: int | None = None
    """Rows of the position table where it is longer than the sequence, which reads the
    first; None for as many as there are."""
    stem_norm: bool = False
    """A norm on the tokens before the first block (CLIP, arXiv:2103.00020)."""
    rope: Literal["none", "axial", "centred", "mixed"] = "none"
    """Rotary positions of q and k on the patches: by the patch's index on each axis
    (EVA-02, arXiv:2303.11331), by its centre between -1 and 1 (DINOv3,
    arXiv:2508.10104), or by frequencies learned in each block (arXiv:2403.13298)."""
    rope_temperature: float = 10000.0
    """Base of the wavelengths: pair i of n turns by its place / temperature ** (i / n).
    EVA-02 has 10000, DINOv3 100."""
    rope_pairs: Literal["interleaved", "halves"] = "interleaved"
    """Which channels rotate together: (0, 1), (2, 3), ... or (0, e/2), (1, e/2 + 1)."""
    rope_axes: Literal["yx", "xy"] = "yx"
    """yx: the first half of a head's pairs turns with the row, the second with the
    column; xy: the other way round."""
    rope_offset: float = 0.0
    """Added to each patch's index (axial)."""
    rope_dtype: Literal["float32", "bfloat16"] = "float32"
    """To which wavelengths are rounded; Meta's own DINOv3 files keep them in bfloat16
    (centred)."""
    rope_grid: tuple[int, int] | None = None
    """Patch rows and columns of pre-training, to which indices are stretched (axial);
    None leaves them as they are."""
    relative_position_bias: bool = False
    """A learned bias on attention logits by the distance of two patches, in each block
    (BEiT, arXiv:2106.08254)."""

    # Blocks

    norm: Literal["layer", "rms"] = "layer"
    norm_eps: float = 1e-6
    block: Literal["pre", "post", "res_post", "pre_normed_residual", "parallel"] = "pre"
    """Where norms stand: before each branch; after each sum (torch's default); after
    each branch (Swin v2, EVA-02-CLIP-E); before each branch, with the attention added
    to its normed input; or one norm before attention and MLP side by side (ViT-22B,
    arXiv:2302.05442)."""
    num_branches: int = 1
    """Attentions side by side, then as many MLPs, in each block; 2 in the 18x2 models
    of arXiv:2203.09795."""
    qkv_bias: Literal["qkv", "qv", "qk", "kv", "q", "k", "v", "none"] = "qkv"
    """Which of q, k and v have a bias; BEiT, EVA and DINOv3 never bias k."""
    qk_norm: bool = False
    """A norm on each head's q and k (ViT-22B)."""
    attn_scale: float | None = None
    """Factor on the attention logits; None for head_dim ** -0.5."""
    attend_over: Literal["tokens", "batch"] = "tokens"
    """batch is for exact copies of models that forgot batch_first: images of a batch
    then attend to each other, and the tokens of one image do not."""
    differential: bool = False
    """The difference of two softmaxes, each over half of q and k (arXiv:2410.05258)."""
    attn_norm: bool = False
    """A norm before the attention's output layer (EVA-02-CLIP, BEiT-3)."""
    attn_proj: bool = True
    """Whether attention has an output layer; lucidrains' has none for one head as wide
    as the tokens."""
    proj_bias: bool = True
    mlp: Literal["plain", "gated"] = "plain"
    """fc2(act(fc1 x)), or fc2(act(gate x) * fc1 x) (arXiv:2002.05202)."""
    activation: Literal["gelu", "gelu_tanh", "quick_gelu", "relu", "silu"] = "gelu"
    """gelu is the exact one (erf), as torch runs it."""
    mlp_bias: Literal["both", "fc1", "none"] = "both"
    """Which of the MLP's layers have a bias; a gate has one where fc1 has."""
    mlp_norm: bool = False
    """A norm before the MLP's second layer (EVA-02, BEiT-3)."""
    layer_scale: float | None = None
    """Initial value of a learned factor per channel on each residual branch
    (CaiT, arXiv:2103.17239, section 2); None leaves the factors out."""
    layer_scale_on: Literal["both", "attn"] = "both"

    # Head

    final_norm: bool = True
    """A norm behind the last block."""
    pool: Literal["cls", "token", "mean", "cls_mean", "map", "none"] = "cls"
    """The class token, the token of index pool_token, the mean over the patches, both
    one after the other (DINOv2's classifier, arXiv:2304.07193), attention by a learned
    query (SigLIP, arXiv:2303.15343), or every token."""
    pool_token: int = 0
    """Index of the token that pool='token' reads; negative from the end."""
    pool_prefix: bool = False
    """Whether mean and map see the class token and registers beside the patches."""
    pool_heads: int | None = None
    """Heads of attention pooling; None for num_heads."""
    pool_mlp_dim: int | None = None
    """Hidden width of attention pooling's MLP; None for mlp_dim."""
    norm_after_pool: bool = False
    """A norm on the pooled features (timm's fc_norm)."""
    pre_logits: int | None = None
    """Width of a tanh layer before the head (ViT pre-trained on ImageNet-21k,
    arXiv:2010.11929, section 3.1); None for no such layer."""
    pre_logits_activation: Literal["tanh", "gelu"] = "tanh"
    head_bias: bool = True

    # Training

    dropout: float = 0.0
    """Rate after the attention's and the MLP's linear layers, in training."""
    attn_dropout: float = 0.0
    """Rate on the attention weights, in training."""
    pos_dropout: float = 0.0
    """Rate on the tokens after the positions are added, in training."""
    drop_path: float = 0.0
    """Rate of dropping a residual branch of a sample, in training (stochastic depth,
    arXiv:1603.09382)."""
    drop_path_mode: Literal["linear", "constant"] = "linear"
    """linear: 0 at the first block, drop_path at the last; constant: drop_path at every
    block (DeiT III, arXiv:2204.07118)."""

    # Computing: these change no parameter

    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products and activations. Parameters, norms, softmax and logits
    stay float32."""
    attention: Literal["auto", "xla", "cudnn"] = "auto"
    """auto takes what is fastest on the device; the others are implementations of
    jax.nn.dot_product_attention. cudnn needs an NVIDIA GPU, bfloat16 and no attention
    dropout."""
    scan_layers: bool = False
    """Compile one block and loop over it; the blocks' parameters are stacked first."""
    remat: Literal["none", "full", "dots"] = "none"
    """What the backward pass computes again to save memory: nothing; each block
    (arXiv:1604.06174); or all of it but the results of dense layers, which are kept."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels of one image."""
        return (*pair(self.image_size), self.in_channels)

    @property
    def patch_shape(self) -> tuple[int, int]:
        """Rows and columns of one patch, in pixels."""
        return pair(self.patch_size)

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
        return (self.class_token == "first") + self.distill_token + self.num_registers

    @property
    def num_tokens(self) -> int:
        """Tokens of one image."""
        return self.num_prefix + self.num_patches + (self.class_token == "last")

    @property
    def num_positions(self) -> int:
        """Tokens that get a position."""
        others = self.num_tokens - self.num_patches
        on = {"all": others, "class": others - self.num_registers, "patches": 0}
        return self.num_patches + on[self.position_on]

    @property
    def pooled_dim(self) -> int:
        """Width of the pooled features."""
        return self.embed_dim * (2 if self.pool == "cls_mean" else 1)

    @property
    def dim_per_head(self) -> int:
        """head_dim, or embed_dim / num_heads where it is None."""
        return self.head_dim or self.embed_dim // self.num_heads


def pair(size: Size) -> tuple[int, int]:
    """Returns (rows, columns) of a size."""
    return (size, size) if isinstance(size, int) else size
