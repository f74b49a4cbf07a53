"""lucidrains' SimpleViT through the years: each change of its names or arithmetic.

Source: lucidrains/vit-pytorch, vit_pytorch/simple_vit.py, as the package's releases
have it. Positions are sines and cosines that no file holds.

Left out: that positions are made for each batch until 2023-07.
"""

import functools
from collections.abc import Callable

import torch
from torch import nn

from tests.parity.originals.lucidrains import Era, Transformer, make_head, make_patches

RELEASES = {
    "2022-05-03": "0.35.0",
    "2023-02-03": "1.0.0",
    "2023-08-09": "1.4.0",
    "2023-08-10": "1.4.1",
}
"""The first release of each era; in 1.4.0 the head is a LayerNorm by mistake, and
features come back where logits should."""


def sincos_2d(rows: int, columns: int, dim: int) -> torch.Tensor:
    """Returns a position for each patch: columns first, a sine before its cosine."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    omega = 1.0 / 10000 ** (torch.arange(dim // 4) / (dim // 4 - 1))
    y, x = (axis.flatten()[:, None] * omega for axis in (y, x))
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=1)


class SimpleVit(nn.Module):
    """SimpleViT of an era; logits come back."""

    def __init__(
        self,
        era: str,
        *,
        image_size: int = 28,
        patch_size: int = 14,
        in_channels: int = 3,
        embed_dim: int = 48,
        depth: int = 2,
        num_heads: int = 3,
        head_dim: int | None = None,
        mlp_dim: int = 96,
        num_classes: int = 5,
    ):
        super().__init__()
        head_dim = head_dim or embed_dim // num_heads
        names = sorted(RELEASES)
        normed = era >= names[1]
        self.to_patch_embedding = make_patches(
            "normed" if normed else "sequential", patch_size, in_channels, embed_dim
        )
        self.grid = image_size // patch_size
        # Attention and MLP have always had norms of their own here.
        like = Era(flat=False, wrap="own", scale="head_dim", head_dim=True)
        self.transformer = Transformer(
            like, embed_dim, depth, num_heads, head_dim, mlp_dim
        )
        for attention, _ in self.transformer.layers:
            attention.to_out = nn.Linear(num_heads * head_dim, embed_dim, bias=False)
        if era < names[2]:
            self.transformer.norm = nn.Identity()
            kind = "norm_linear"
        else:
            kind = "linear"
        self.linear_head = make_head(kind, embed_dim, mlp_dim, num_classes)
        if era == names[2]:
            self.linear_head = nn.LayerNorm(embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.to_patch_embedding(x)
        x = x + sincos_2d(self.grid, self.grid, x.shape[-1])
        return self.linear_head(self.transformer(x).mean(dim=1))


BUILDERS: dict[str, Callable[..., nn.Module]] = {
    name: functools.partial(SimpleVit, name) for name in RELEASES
}
