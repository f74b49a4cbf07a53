"""OpenAI's CLIP with a ViT, with its names.

Source: openai/CLIP, clip/model.py. Its blocks take (tokens, batch, width), so what
hooks see there is transposed; their norms are LayerNorm's, 1e-5, and QuickGELU is
x * sigmoid(1.702 x).

Left out: the ResNets, initial values, half precision, and what text is for: its
parameters are here and are not used. Official files also hold three integers,
input_resolution, context_length and vocab_size: with `extras` they are buffers.
"""

import math

import torch
from torch import nn


class QuickGelu(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class ResidualAttentionBlock(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", QuickGelu())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width: int, layers: int, heads: int):
        super().__init__()
        blocks = (ResidualAttentionBlock(width, heads) for _ in range(layers))
        self.resblocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resblocks(x)


class VisualTransformer(nn.Module):
    """CLIP's `visual`; image features come back, before they are normalised."""

    def __init__(
        self,
        *,
        image_size: int = 28,
        patch_size: int = 14,
        embed_dim: int = 48,
        depth: int = 2,
        num_heads: int = 3,
        projection: int = 20,
    ):
        super().__init__()
        num_patches = (image_size // patch_size) ** 2
        self.class_embedding = nn.Parameter(torch.zeros(embed_dim))
        self.positional_embedding = nn.Parameter(
            torch.zeros(1 + num_patches, embed_dim)
        )
        self.proj = nn.Parameter(torch.zeros(embed_dim, projection))
        self.conv1 = nn.Conv2d(
            3, embed_dim, kernel_size=patch_size, stride=patch_size, bias=False
        )
        self.ln_pre = nn.LayerNorm(embed_dim)
        self.transformer = Transformer(embed_dim, depth, num_heads)
        self.ln_post = nn.LayerNorm(embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x).flatten(2).transpose(1, 2)
        token = self.class_embedding.expand(x.shape[0], 1, -1)
        x = torch.cat([token, x], dim=1) + self.positional_embedding
        x = self.ln_pre(x).transpose(0, 1)  # (tokens, batch, width)
        x = self.transformer(x).transpose(0, 1)
        return self.ln_post(x[:, 0]) @ self.proj


class Clip(nn.Module):
    """The whole file; image features come back, before they are normalised.

    Args:
      extras: the three integers of an official file, which its TorchScript archive
        has beside the parameters.
    """

    def __init__(
        self,
        *,
        projection: int = 20,
        text_width: int = 16,
        text_depth: int = 1,
        text_heads: int = 2,
        context_length: int = 7,
        vocab_size: int = 11,
        extras: bool = False,
        image_size: int = 28,
        **sizes: int,
    ):
        super().__init__()
        self.positional_embedding = nn.Parameter(
            torch.zeros(context_length, text_width)
        )
        self.text_projection = nn.Parameter(torch.zeros(text_width, projection))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.visual = VisualTransformer(
            image_size=image_size, projection=projection, **sizes
        )
        self.transformer = Transformer(text_width, text_depth, text_heads)
        self.token_embedding = nn.Embedding(vocab_size, text_width)
        self.ln_final = nn.LayerNorm(text_width)
        if extras:
            self.register_buffer("input_resolution", torch.tensor(image_size))
            self.register_buffer("context_length", torch.tensor(context_length))
            self.register_buffer("vocab_size", torch.tensor(vocab_size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.visual(x)
