"""DINOv3 with its file's names.

Sources: facebookresearch/dinov3, dinov3/models/vision_transformer.py,
dinov3/layers/rope_position_encoding.py, and dinov3/hub/backbones.py for the choices.

Left out: initial values, masks, other norms than "layernormbf16" (a LayerNorm with
1e-5), what moves the coordinates in training, and `cls_norm`, which no file has.
"""

import functools
import math
from typing import Any, Literal

import torch
from torch import nn

from tests.parity.originals.meta_layers import (
    Block,
    MaskedBias,
    Mlp,
    PatchEmbed,
    Sizes,
    SwiGlu,
    prepend,
)

EPS = 1e-5


class RopePositionEmbedding(nn.Module):
    """Sine and cosine of each patch: rows in the first quarter, columns in the next.

    Args:
      bf16: the periods as a model trained in bfloat16 has them in its file. They are
        read from there, never computed again.
    """

    def __init__(self, head_dim: int, *, base: float = 100.0, bf16: bool = False):
        super().__init__()
        dtype = torch.bfloat16 if bf16 else torch.float32
        steps = torch.arange(head_dim // 4, dtype=dtype)
        periods = base ** (2 * steps / (head_dim // 2))
        self.register_buffer("periods", periods.float())

    def forward(self, rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
        y = torch.arange(0.5, rows) / rows
        x = torch.arange(0.5, columns) / columns
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1)
        centred = 2.0 * grid.flatten(0, 1) - 1.0  # (rows columns, 2)
        angles = 2 * math.pi * centred[:, :, None] / self.periods
        angles = angles.flatten(1, 2).tile(2)  # (rows columns, head_dim)
        return angles.sin(), angles.cos()


class DinoV3(nn.Module):
    """DINOv3; x_norm_clstoken comes back.

    Args:
      ffn_layer: "swiglu64" is the 7B's.
      qkv_bias: False for the 7B, which then has no mask of it either.
      untie: for the 7B and the satellite L: the parameters of `local_cls_norm`, which
        only training uses.
    """

    def __init__(
        self,
        *,
        storage_tokens: int = 4,
        ffn_layer: Literal["mlp", "swiglu", "swiglu64"] = "mlp",
        qkv_bias: bool = True,
        untie: bool = False,
        bf16_periods: bool = False,
        **sizes: Any,
    ):
        super().__init__()
        s = Sizes(**sizes)
        d = s.embed_dim
        mlps = {
            "mlp": Mlp,
            "swiglu": SwiGlu,
            "swiglu64": functools.partial(SwiGlu, align=64),
        }

        def block() -> Block:
            qkv = MaskedBias(d) if qkv_bias else nn.Linear(d, 3 * d, bias=False)
            return Block(s, mlp=mlps[ffn_layer], qkv=qkv, layer_scale=True, eps=EPS)

        self.cls_token = s.tokens(1)
        self.storage_tokens = s.tokens(storage_tokens)
        self.mask_token = nn.Parameter(torch.zeros(1, d))
        self.patch_embed = PatchEmbed(s, flatten=False)
        self.rope_embed = RopePositionEmbedding(d // s.num_heads, bf16=bf16_periods)
        self.blocks = nn.ModuleList([block() for _ in range(s.depth)])
        self.norm = s.norm(EPS)
        self.local_cls_norm = s.norm(EPS) if untie else None
        self.head = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch_embed(x)
        rope = self.rope_embed(*x.shape[1:3])
        x = prepend(self.storage_tokens, x.flatten(1, 2))
        x = prepend(self.cls_token, x)
        for block in self.blocks:
            x = block(x, rope)
        return self.head(self.norm(x)[:, 0])
