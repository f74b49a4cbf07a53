"""Meta's DINO, MAE and DINOv2, each with its file's names.

Sources, all of facebookresearch: dino/vision_transformer.py; mae/models_mae.py and
mae/models_vit.py; dinov2/models/vision_transformer.py (112792f).

Left out everywhere: initial values, dropout, masks, and the resampling of positions to
other image sizes. Every model takes `Sizes` as keyword arguments.
"""

from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional as F

from tests.parity.originals.meta_layers import (
    Block,
    Mlp,
    PatchEmbed,
    Sizes,
    SwiGluFused,
    prepend,
)


class Dino(nn.Module):
    """DINO's backbone; the normed class token comes back."""

    def __init__(self, **sizes: Any):
        super().__init__()
        s = Sizes(**sizes)
        self.cls_token = s.tokens(1)
        self.pos_embed = s.tokens(1 + s.num_patches)
        self.patch_embed = PatchEmbed(s)
        self.blocks = nn.ModuleList([Block(s) for _ in range(s.depth)])
        self.norm = s.norm()
        self.head = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = prepend(self.cls_token, self.patch_embed(x)) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class WeightNormed(nn.Module):
    """torch's old weight_norm of a linear layer without bias, and its two keys."""

    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(out_features, 1))
        self.weight_v = nn.Parameter(torch.zeros(out_features, in_features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = self.weight_v.norm(dim=1, keepdim=True)
        return F.linear(x, self.weight_v * (self.weight_g / length))


class DinoHead(nn.Module):
    """What a training file has beside the backbone; theirs is 2048 and 256 wide."""

    def __init__(self, embed_dim: int, out: int = 64, hidden: int = 32, neck: int = 16):
        super().__init__()
        layers = (
            nn.Linear(embed_dim, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, neck),
        )
        self.mlp = nn.Sequential(*layers)
        self.last_layer = WeightNormed(neck, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last_layer(F.normalize(self.mlp(x), dim=-1))


class DinoTeacher(nn.Module):
    """DINO in training: utils.MultiCropWrapper, as the entry `teacher` of a file.

    `student` has the same keys behind `module.`.
    """

    def __init__(self, **sizes: Any):
        super().__init__()
        self.backbone = Dino(**sizes)
        self.head = DinoHead(Sizes(**sizes).embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(x))


class Mae(nn.Module):
    """MAE in pre-training: the encoder's normed tokens of an image not masked.

    The decoder's parameters are here and are not used.
    """

    def __init__(
        self,
        *,
        decoder_embed_dim: int = 32,
        decoder_depth: int = 1,
        decoder_num_heads: int = 2,
        **sizes: Any,
    ):
        super().__init__()
        s = Sizes(**sizes)
        narrow = {"embed_dim": decoder_embed_dim, "num_heads": decoder_num_heads}
        d = Sizes(**{**sizes, **narrow})
        self.cls_token = s.tokens(1)
        self.pos_embed = s.tokens(1 + s.num_patches)
        self.mask_token = d.tokens(1)
        self.decoder_pos_embed = d.tokens(1 + d.num_patches)
        self.patch_embed = PatchEmbed(s)
        self.blocks = nn.ModuleList([Block(s) for _ in range(s.depth)])
        self.norm = s.norm()
        self.decoder_embed = nn.Linear(s.embed_dim, d.embed_dim)
        self.decoder_blocks = nn.ModuleList([Block(d) for _ in range(decoder_depth)])
        self.decoder_norm = d.norm()
        self.decoder_pred = nn.Linear(d.embed_dim, s.patch_size**2 * s.in_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed(x) + self.pos_embed[:, 1:]
        x = prepend(self.cls_token + self.pos_embed[:, :1], x)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class MaeFinetuned(nn.Module):
    """MAE's classifier: the mean of the patches, normed, or the normed class token."""

    def __init__(self, *, num_classes: int = 5, global_pool: bool = True, **sizes: Any):
        super().__init__()
        s = Sizes(**sizes)
        self.cls_token = s.tokens(1)
        self.pos_embed = s.tokens(1 + s.num_patches)
        self.patch_embed = PatchEmbed(s)
        self.blocks = nn.ModuleList([Block(s) for _ in range(s.depth)])
        self.global_pool = global_pool
        if global_pool:
            self.fc_norm = s.norm()
        else:
            self.norm = s.norm()
        self.head = nn.Linear(s.embed_dim, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = prepend(self.cls_token, self.patch_embed(x)) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        if self.global_pool:
            return self.head(self.fc_norm(x[:, 1:].mean(dim=1)))
        return self.head(self.norm(x)[:, 0])


class BlockChunk(nn.ModuleList):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self:
            x = block(x)
        return x


class DinoV2(nn.Module):
    """DINOv2; x_norm_clstoken comes back.

    Args:
      block_chunks: 0 as the hub's files are; n as training files are, `blocks.c.i`,
        where i counts through all chunks.
      registers: stand behind the class token, and have no positions.
    """

    def __init__(
        self,
        *,
        block_chunks: int = 0,
        registers: int = 0,
        ffn_layer: Literal["mlp", "swiglufused"] = "mlp",
        **sizes: Any,
    ):
        super().__init__()
        s = Sizes(**sizes)
        mlp = Mlp if ffn_layer == "mlp" else SwiGluFused
        blocks = [Block(s, mlp=mlp, layer_scale=True) for _ in range(s.depth)]
        self.cls_token = s.tokens(1)
        self.pos_embed = s.tokens(1 + s.num_patches)
        self.register_tokens = s.tokens(registers) if registers else None
        self.mask_token = nn.Parameter(torch.zeros(1, s.embed_dim))
        self.patch_embed = PatchEmbed(s)
        if block_chunks:
            size = s.depth // block_chunks
            starts = range(0, s.depth, size)
            # Identities keep the block's number what it is without chunks.
            chunks = [[nn.Identity()] * i + blocks[i : i + size] for i in starts]
            self.blocks = nn.ModuleList([BlockChunk(chunk) for chunk in chunks])
        else:
            self.blocks = nn.ModuleList(blocks)
        self.norm = s.norm()
        self.head = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = prepend(self.cls_token, self.patch_embed(x)) + self.pos_embed
        if self.register_tokens is not None:
            registers = self.register_tokens.expand(x.shape[0], -1, -1)
            x = torch.cat([x[:, :1], registers, x[:, 1:]], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])
