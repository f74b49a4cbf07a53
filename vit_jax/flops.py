"""FLOPs of a ViT's matrix products, counted from its config.

A product of (n, i) and (i, o) is 2 n i o FLOPs. What is not a product (norms, softmax,
activations, the optimizer) is left out, as model FLOPs utilization leaves it out.

Source: Chowdhery et al. 2022, appendix B (arXiv:2204.02311).
"""

import dataclasses
from collections.abc import Collection, Iterator

from vit_jax.config import ViTConfig


@dataclasses.dataclass(frozen=True)
class Stage:
    """Products of one image that stand side by side, in the order of computation."""

    name: str
    """As parameters are named: blocks.3.attn.proj."""
    params: tuple[str, ...] = ()
    """How the names begin of the parameters that come in here."""
    kernels: tuple[tuple[str, int], ...] = ()
    """Name of each parameter that is multiplied by, and FLOPs."""
    scores: int = 0
    """FLOPs of products of two activations: q k^T, and the weights with v."""
    reads: str | None = None
    """The parameter that the input is; None where it is what is before."""

    @property
    def forward(self) -> int:
        """FLOPs of the forward pass."""
        return self.scores + sum(flops for _, flops in self.kernels)


def count_forward(config: ViTConfig) -> int:
    """Returns the FLOPs of the forward pass of one image."""
    return sum(stage.forward for stage in stages(config))


def count_training(config: ViTConfig, trained: Collection[str]) -> int:
    """Returns the FLOPs of forward and backward pass of one image.

    Each product has a gradient for each of its two sides that depend on a parameter
    that is trained: images never do, nor does what comes before the first one. What
    remat computes again does not count.

    Args:
      trained: names of the parameters that are trained. A list that parts what one
        stage has is taken by the stage, but for the kernels.
    """
    total, before = 0, False
    for stage in stages(config):
        into = before if stage.reads is None else stage.reads in trained
        total += stage.forward
        for name, flops in stage.kernels:
            total += flops * ((name in trained) + into)
        before = before or any(name.startswith(stage.params) for name in trained)
        total += 2 * stage.scores * before
    return total


def stages(config: ViTConfig) -> Iterator[Stage]:
    """Yields what a model computes, from the patches to the logits.

    With attend_over='batch' too, an image attends over as many tokens as it has.
    """
    c = config
    values = c.patch_shape[0] * c.patch_shape[1] * c.in_channels
    yield Stage("embed.pixel_norm", ("embed.pixel_norm.",))
    yield _dense("embed.proj", c.num_patches, values, c.embed_dim)
    yield Stage("embed", ("embed.",))
    for index in range(c.depth):
        yield from _block(c, index)
    yield Stage("norm", ("norm.",))
    if c.pool == "map":
        yield from _attention_pool(c)
    yield Stage("pool", ("pool.",))
    rows, width = c.num_tokens if c.pool == "none" else 1, c.pooled_dim
    if c.pre_logits:
        yield _dense("pre_logits", 2 if c.distill_token else rows, width, c.pre_logits)
        width = c.pre_logits
    if c.num_classes:
        heads = ("head", "head_dist") if c.distill_token else ("head",)
        yield _side_by_side("head", heads, rows, width, c.num_classes)


def _block(c: ViTConfig, index: int) -> Iterator[Stage]:
    block = f"blocks.{index}"
    # Branches that stand side by side are counted one after another.
    ends = [f".{i}" for i in range(c.num_branches)] if c.num_branches > 1 else [""]
    for end in ends:
        yield Stage(f"{block}.norm1{end}", (f"{block}.norm1{end}.",))
        yield from _attention(c, f"{block}.attn{end}", index)
        yield Stage(f"{block}.ls1{end}", (f"{block}.ls1{end}.",))
    for end in ends:
        yield Stage(f"{block}.norm2{end}", (f"{block}.norm2{end}.",))
        yield from _mlp(c, f"{block}.mlp{end}", c.num_tokens, c.mlp_dim, c.mlp)
        yield Stage(f"{block}.ls2{end}", (f"{block}.ls2{end}.",))


def _attention(c: ViTConfig, name: str, index: int) -> Iterator[Stage]:
    tokens, inner = c.num_tokens, c.num_heads * c.dim_per_head
    kv_heads = c.num_kv_heads[index] if c.num_kv_heads else c.num_heads
    widths = {"q": inner, "k": kv_heads * c.dim_per_head}
    widths["v"] = widths["k"]
    parts = [_dense(f"{name}.{p}", tokens, c.embed_dim, w) for p, w in widths.items()]
    kernels = tuple(kernel for part in parts for kernel in part.kernels)
    yield Stage(f"{name}.qkv", tuple(f"{name}.{p}." for p in widths), kernels)
    # Two softmaxes, each of half of q and k, and each with the whole of v.
    products = 3 if c.differential else 2
    scores = 2 * products * tokens * tokens * inner
    inside = ("q_norm.", "k_norm.", "rope.", "relative_bias", "differential.")
    yield Stage(f"{name}.scores", tuple(f"{name}.{p}" for p in inside), scores=scores)
    yield Stage(f"{name}.norm", (f"{name}.norm.",))
    if c.attn_proj:
        yield _dense(f"{name}.proj", tokens, inner, c.embed_dim)


def _mlp(c: ViTConfig, name: str, rows: int, width: int, kind: str) -> Iterator[Stage]:
    first = ("gate", "fc1") if kind == "gated" else ("fc1",)
    first = tuple(f"{name}.{layer}" for layer in first)
    yield _side_by_side(f"{name}.fc1", first, rows, c.embed_dim, width)
    yield Stage(f"{name}.norm", (f"{name}.norm.",))
    yield _dense(f"{name}.fc2", rows, width, c.embed_dim)


def _attention_pool(c: ViTConfig) -> Iterator[Stage]:
    """Yields attention of one learned query, and the MLP behind it."""
    d, name = c.embed_dim, "pool.attn"
    seen = c.num_tokens if c.pool_prefix else c.num_patches
    latent = f"{name}.latent"
    yield _side_by_side(f"{name}.kv", (f"{name}.k", f"{name}.v"), seen, d, d)
    yield dataclasses.replace(_dense(f"{name}.q", 1, d, d), reads=latent)
    yield Stage(f"{name}.scores", (latent,), scores=2 * 2 * seen * d)
    yield _dense(f"{name}.proj", 1, d, d)
    yield Stage(f"{name}.norm", (f"{name}.norm.",))
    yield from _mlp(c, f"{name}.mlp", 1, c.pool_mlp_dim or c.mlp_dim, "plain")


def _dense(name: str, rows: int, inputs: int, outputs: int) -> Stage:
    return _side_by_side(name, (name,), rows, inputs, outputs)


def _side_by_side(
    name: str, layers: tuple[str, ...], rows: int, inputs: int, outputs: int
) -> Stage:
    """Returns linear layers of one input, each rows x inputs by inputs x outputs."""
    flops = 2 * rows * inputs * outputs
    kernels = tuple((f"{layer}.kernel", flops) for layer in layers)
    return Stage(name, tuple(f"{layer}." for layer in layers), kernels)
