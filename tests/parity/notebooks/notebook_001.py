"""Notebook 001_0d9f: a ViT of d2l's attention, the class token behind the patches.

Completed: d2l.MultiHeadAttention with the names that the notebook prints, its linear
layers made at once and not by the first call (d2l's are lazy), no valid_lens. `Vit`
calls three names that do not exist there (`pos`, `transformer`, `mlphead`); it is meant
to call its own.

Literal: a block adds the attention to its *normed* input, and the head reads every
token; the notebook's `[:, 0]` is the first patch. Intended: a pre-norm block, and the
head reads the class token.
"""

import math

import torch
from torch import nn


class DotProductAttention(nn.Module):
    def __init__(self, dropout: float):
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor
    ) -> torch.Tensor:
        d = queries.shape[-1]
        scores = torch.bmm(queries, keys.transpose(1, 2)) / math.sqrt(d)
        weights = nn.functional.softmax(scores, dim=-1)
        return torch.bmm(self.dropout(weights), values)


class MultiHeadAttention(nn.Module):
    def __init__(
        self, num_hiddens: int, num_heads: int, dropout: float, bias: bool = False
    ):
        super().__init__()
        self.num_heads = num_heads
        self.attention = DotProductAttention(dropout)
        self.W_q = nn.Linear(num_hiddens, num_hiddens, bias=bias)
        self.W_k = nn.Linear(num_hiddens, num_hiddens, bias=bias)
        self.W_v = nn.Linear(num_hiddens, num_hiddens, bias=bias)
        self.W_o = nn.Linear(num_hiddens, num_hiddens, bias=bias)

    def forward(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        valid_lens: None,
    ) -> torch.Tensor:
        queries = self.transpose_qkv(self.W_q(queries))
        keys = self.transpose_qkv(self.W_k(keys))
        values = self.transpose_qkv(self.W_v(values))
        output = self.attention(queries, keys, values)
        return self.W_o(self.transpose_output(output))

    def transpose_qkv(self, X: torch.Tensor) -> torch.Tensor:
        X = X.reshape(X.shape[0], X.shape[1], self.num_heads, -1)
        X = X.permute(0, 2, 1, 3)
        return X.reshape(-1, X.shape[2], X.shape[3])

    def transpose_output(self, X: torch.Tensor) -> torch.Tensor:
        X = X.reshape(-1, self.num_heads, X.shape[1], X.shape[2])
        X = X.permute(0, 2, 1, 3)
        return X.reshape(X.shape[0], X.shape[1], -1)


class Patch_conv(nn.Module):
    def __init__(self, patch_size: int):
        super().__init__()
        in_dim = 3
        self.out_dim = in_dim * patch_size * patch_size
        self.conv = nn.Conv2d(
            in_dim, self.out_dim, kernel_size=patch_size, stride=patch_size
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.conv(X).flatten(2).transpose(1, 2)


class Position_Embedding(nn.Module):
    def __init__(self, patch_size: int, img_size: int):
        super().__init__()
        self.embeddings = 3 * patch_size * patch_size
        self.tokens = (img_size // patch_size) * (img_size // patch_size) + 1
        self.cls = nn.Parameter(torch.randn(1, 1, self.embeddings))
        self.pos_emb = nn.Parameter(torch.randn(1, self.tokens, self.embeddings))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        cls_token = self.cls.expand(X.shape[0], -1, -1)
        return self.pos_emb + torch.concat((X, cls_token), dim=1)


class Transformer_Block(nn.Module):
    def __init__(
        self,
        tokens: int,
        embeddings: int,
        heads: int,
        dropout: float,
        *,
        intended: bool = False,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(embeddings)
        self.Attention = MultiHeadAttention(embeddings, heads, dropout)
        self.norm2 = nn.LayerNorm(embeddings)
        self.mlp = nn.Sequential(
            nn.Linear(embeddings, 2 * embeddings),
            nn.ReLU(),
            nn.Linear(2 * embeddings, embeddings),
        )
        self.intended = intended

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        Y = self.norm1(X)
        residual = X if self.intended else Y
        X = residual + self.Attention(Y, Y, Y, valid_lens=None)
        X = X + self.mlp(self.norm2(X))
        return X


class Transformer(nn.Module):
    def __init__(
        self,
        num_blocks: int,
        tokens: int,
        embeddings: int,
        heads: int,
        dropout: float,
        *,
        intended: bool = False,
    ):
        super().__init__()
        self.transformer = nn.Sequential()
        for i in range(num_blocks):
            self.transformer.add_module(
                "transformer" + str(i),
                Transformer_Block(
                    tokens, embeddings, heads, dropout, intended=intended
                ),
            )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        for blk in self.transformer:
            X = blk(X)
        return X


class Vit(nn.Module):
    def __init__(
        self,
        img_size: int,
        patch_size: int,
        num_blocks: int,
        heads: int,
        dropout: float,
        classes: int,
        *,
        intended: bool,
    ):
        super().__init__()
        self.patch = Patch_conv(patch_size)
        self.pos = Position_Embedding(patch_size, img_size)
        tokens = self.pos.tokens
        embeddings = self.pos.embeddings
        self.transformer = Transformer(
            num_blocks, tokens, embeddings, heads, dropout, intended=intended
        )
        self.mlphead = nn.Linear(embeddings, classes)
        self.intended = intended

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        X = self.patch(X)
        X = self.pos(X)
        X = self.transformer(X)
        return self.mlphead(X[:, -1] if self.intended else X)
