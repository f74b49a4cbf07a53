"""Notebook 003_abc2: torch's nn.TransformerEncoder on 28 x 28 digits.

Complete as it is; only nested tensors are off, which change nothing without a padding
mask and of which torch warns.

Literal: batch_first is forgotten, so that images attend to each other and tokens do
not: the class token meets only the other images' class tokens, which are its equals,
and the logits are the same for every image. hidden_dim is forgotten too: the MLP has
torch's 2048. Intended: both are given.
"""

import torch
from torch import nn


class PatchEmbedding(nn.Module):
    def __init__(
        self,
        embed_dim: int,
        patch_size: int,
        num_patches: int,
        dropout: float,
        in_channels: int,
    ):
        super().__init__()
        self.patcher = nn.Sequential(
            nn.Conv2d(
                in_channels, embed_dim, kernel_size=patch_size, stride=patch_size
            ),
            nn.Flatten(2),
        )
        self.cls_token = nn.Parameter(torch.randn(1, 1, embed_dim))
        self.position_embeddings = nn.Parameter(
            torch.randn(1, num_patches + 1, embed_dim)
        )
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cls_token = self.cls_token.expand(x.shape[0], -1, -1)
        x = self.patcher(x).permute(0, 2, 1)
        x = torch.cat((cls_token, x), dim=1)
        x = x + self.position_embeddings
        return self.dropout(x)


class ViT(nn.Module):
    def __init__(
        self,
        num_patches: int = 49,
        num_classes: int = 10,
        patch_size: int = 4,
        embed_dim: int = 16,
        num_encoders: int = 4,
        num_heads: int = 8,
        hidden_dim: int = 768,
        dropout: float = 0.001,
        activation: str = "gelu",
        in_channels: int = 1,
        *,
        intended: bool = False,
    ):
        super().__init__()
        self.embeddings_block = PatchEmbedding(
            embed_dim, patch_size, num_patches, dropout, in_channels
        )
        mended = {"batch_first": True, "dim_feedforward": hidden_dim}
        encoder_layer = nn.TransformerEncoderLayer(
            d_model=embed_dim,
            nhead=num_heads,
            dropout=dropout,
            activation=activation,
            **(mended if intended else {}),
        )
        self.encoder_blocks = nn.TransformerEncoder(
            encoder_layer, num_layers=num_encoders, enable_nested_tensor=False
        )
        self.mlp_head = nn.Sequential(
            nn.LayerNorm(embed_dim), nn.Linear(embed_dim, num_classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embeddings_block(x)
        x = self.encoder_blocks(x)
        return self.mlp_head(x[:, 0, :])
