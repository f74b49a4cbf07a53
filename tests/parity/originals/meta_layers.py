"""What the blocks of DINO, MAE, DINOv2 and DINOv3 are made of.

Sources, all of facebookresearch: dino/vision_transformer.py; mae (whose blocks are
timm 0.3.2's); dinov2/layers; dinov3/layers.

Left out: initial values and dropout. Attention is written out once; the newer ones'
are fused kernels.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Sizes:
    """Keyword arguments that all have, with tiny defaults."""

    def __init__(
        self,
        *,
        image_size: int = 28,
        patch_size: int = 14,
        in_channels: int = 3,
        embed_dim: int = 48,
        depth: int = 2,
        num_heads: int = 3,
        mlp_ratio: float = 4.0,
    ):
        self.patch_size, self.in_channels = patch_size, in_channels
        self.num_patches = (image_size // patch_size) ** 2
        self.embed_dim, self.depth, self.num_heads = embed_dim, depth, num_heads
        self.hidden = int(embed_dim * mlp_ratio)

    def norm(self, eps: float = 1e-6) -> nn.LayerNorm:
        return nn.LayerNorm(self.embed_dim, eps=eps)

    def tokens(self, count: int) -> nn.Parameter:
        return nn.Parameter(torch.zeros(1, count, self.embed_dim))


class PatchEmbed(nn.Module):
    def __init__(self, sizes: Sizes, *, flatten: bool = True):
        super().__init__()
        self.proj = nn.Conv2d(
            sizes.in_channels,
            sizes.embed_dim,
            kernel_size=sizes.patch_size,
            stride=sizes.patch_size,
        )
        self.flatten = flatten

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.proj(x).permute(0, 2, 3, 1)
        return x.flatten(1, 2) if self.flatten else x


class MaskedBias(nn.Linear):
    """DINOv3's qkv: what k adds is switched off by a buffer, not left out."""

    def __init__(self, embed_dim: int):
        super().__init__(embed_dim, 3 * embed_dim)
        mask = torch.ones(3, embed_dim)
        mask[1] = 0
        self.register_buffer("bias_mask", mask.flatten())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight, self.bias * self.bias_mask)


def rotate(x: torch.Tensor, sin: torch.Tensor, cos: torch.Tensor) -> torch.Tensor:
    """Turns all but the first tokens, (i, i + head_dim / 2) being pairs."""
    prefix = x.shape[-2] - sin.shape[-2]
    x, y = x[..., :prefix, :], x[..., prefix:, :]
    first, second = y.chunk(2, dim=-1)
    y = y * cos + torch.cat([-second, first], dim=-1) * sin
    return torch.cat([x, y], dim=-2)


class Attention(nn.Module):
    def __init__(self, num_heads: int, qkv: nn.Linear):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = qkv
        self.proj = nn.Linear(qkv.in_features, qkv.in_features)

    def forward(
        self, x: torch.Tensor, rope: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> torch.Tensor:
        b, n, d = x.shape
        head_dim = d // self.num_heads
        qkv = self.qkv(x).reshape(b, n, 3, self.num_heads, head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if rope is not None:
            q, k = rotate(q, *rope), rotate(k, *rope)
        weights = (q @ k.transpose(-2, -1) * head_dim**-0.5).softmax(dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    def __init__(self, embed_dim: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(embed_dim, hidden)
        self.fc2 = nn.Linear(hidden, embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class SwiGluFused(nn.Module):
    """DINOv2's, for its giant; what gates comes first."""

    def __init__(self, embed_dim: int, hidden: int):
        super().__init__()
        hidden = (int(hidden * 2 / 3) + 7) // 8 * 8
        self.w12 = nn.Linear(embed_dim, 2 * hidden)
        self.w3 = nn.Linear(hidden, embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = self.w12(x).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * up)


class SwiGlu(nn.Module):
    """DINOv3's, for its "plus" models and the 7B."""

    def __init__(self, embed_dim: int, hidden: int, align: int = 8):
        super().__init__()
        hidden = math.ceil(int(hidden * 2 / 3) / align) * align
        self.w1 = nn.Linear(embed_dim, hidden)
        self.w2 = nn.Linear(embed_dim, hidden)
        self.w3 = nn.Linear(hidden, embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w3(F.silu(self.w1(x)) * self.w2(x))


class LayerScale(nn.Module):
    def __init__(self, embed_dim: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(embed_dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma


class Block(nn.Module):
    def __init__(
        self,
        sizes: Sizes,
        *,
        mlp: Callable[[int, int], nn.Module] = Mlp,
        qkv: nn.Linear | None = None,
        layer_scale: bool = False,
        eps: float = 1e-6,
    ):
        super().__init__()
        d = sizes.embed_dim
        self.norm1 = sizes.norm(eps)
        self.attn = Attention(sizes.num_heads, qkv or nn.Linear(d, 3 * d))
        self.ls1 = LayerScale(d) if layer_scale else nn.Identity()
        self.norm2 = sizes.norm(eps)
        self.mlp = mlp(d, sizes.hidden)
        self.ls2 = LayerScale(d) if layer_scale else nn.Identity()

    def forward(self, x: torch.Tensor, rope: Any = None) -> torch.Tensor:
        x = x + self.ls1(self.attn(self.norm1(x), rope))
        return x + self.ls2(self.mlp(self.norm2(x)))


def prepend(token: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.cat([token.expand(x.shape[0], -1, -1), x], dim=1)
