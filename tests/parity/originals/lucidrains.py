"""lucidrains' ViT through the years: each change of its names or its arithmetic.

Source: lucidrains/vit-pytorch, vit_pytorch/vit_pytorch.py (until 2021-02) and
vit_pytorch/vit.py, as the package's releases have them.

Left out: dropout, masks, and that 0.2.3 to 0.7.2 refuse 16 patches and fewer, 0.0.1
and 0.0.2 more than one image. Norms are LayerNorm's, 1e-5, activations exact GELUs; qkv
never has a bias. Where dropout has a number of its own, an identity keeps it.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Literal

import torch
from einops import rearrange
from einops.layers.torch import Rearrange
from torch import nn


@dataclasses.dataclass(frozen=True, kw_only=True)
class Era:
    """What vit.py was like from one release to the next; the defaults are 0.0.1's."""

    release: str = "0.0.1"
    patches: Literal["strided", "bare", "sequential", "normed"] = "strided"
    """"strided" patches are every nth pixel; "bare" ones become tokens in
    `patch_to_embedding`, later ones in `to_patch_embedding`, and are normed at last."""
    flat: bool = True
    """Attention and MLP are `net.0`, `net.1`, not `layers.0.0`, `layers.0.1`."""
    wrap: Literal["residual", "pre_norm", "own"] = "residual"
    """Residual(PreNorm(...)), PreNorm(...), or norms of their own and one behind all
    blocks."""
    mlp_dropout: bool = False
    to_out: Literal["linear", "sequential", "unless_one_head"] = "linear"
    head_dim: bool = False
    """Whether heads may have another width than embed_dim / num_heads."""
    scale: Literal["embed_dim", "head_dim"] = "embed_dim"
    """Which one to the power of -0.5 multiplies the logits of attention."""
    head: Literal["mlp", "norm_mlp", "norm_mlp_dropout", "norm_linear", "linear"] = (
        "mlp"
    )
    pools: bool = False
    """Whether pool="mean" is known."""
    token: Literal["always", "for_cls", "for_cls_flat"] = "always"
    """Until 2025 the mean is over the class token too; then it has none, and at last
    positions have two axes."""


CHANGES: dict[str, dict[str, Any]] = {
    "2020-10-04_strided": {},
    "2020-10-04": {"release": "0.0.2", "patches": "bare"},
    "2020-10-07": {"release": "0.0.4", "flat": False},
    "2020-10-10": {"release": "0.2.0", "head": "norm_mlp"},
    "2020-10-13": {"release": "0.2.1", "mlp_dropout": True},
    "2020-10-14": {
        "release": "0.2.2",
        "to_out": "sequential",
        "head": "norm_mlp_dropout",
    },
    "2020-12-07": {"release": "0.3.0", "head": "norm_linear"},
    "2020-12-17": {"release": "0.4.0", "head_dim": True},
    "2020-12-24": {"release": "0.5.0", "pools": True},
    "2021-02-20": {"release": "0.7.0", "patches": "sequential", "scale": "head_dim"},
    "2021-02-26": {"release": "0.7.6", "to_out": "unless_one_head"},
    "2021-03-29": {"release": "0.10.3", "wrap": "pre_norm"},
    "2023-02-03": {"release": "1.0.0", "patches": "normed"},
    "2023-08-09": {"release": "1.4.0", "wrap": "own", "head": "linear"},
    "2025-11-27": {"release": "1.16.0", "token": "for_cls"},
    "2025-11-28": {"release": "1.16.1", "token": "for_cls_flat"},
}
"""What each era changed, in order; the last is today's."""


def _accumulate() -> dict[str, Era]:
    """Returns the eras by their names."""
    eras, era = {}, Era()
    for name, changes in CHANGES.items():
        era = dataclasses.replace(era, **changes)
        eras[name] = era
    return eras


class Residual(nn.Module):
    def __init__(self, fn: nn.Module):
        super().__init__()
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fn(x) + x


class PreNorm(nn.Module):
    def __init__(self, dim: int, fn: nn.Module):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fn = fn

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fn(self.norm(x))


class FeedForward(nn.Module):
    def __init__(self, era: Era, dim: int, hidden: int):
        super().__init__()
        norm = [nn.LayerNorm(dim)] if era.wrap == "own" else []
        dropout = [nn.Identity()] if era.mlp_dropout else []
        inner = [nn.Linear(dim, hidden), nn.GELU(), *dropout, nn.Linear(hidden, dim)]
        self.net = nn.Sequential(*norm, *inner)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class Attention(nn.Module):
    def __init__(self, era: Era, dim: int, heads: int, head_dim: int):
        super().__init__()
        inner = heads * head_dim
        self.heads = heads
        self.scale = (dim if era.scale == "embed_dim" else head_dim) ** -0.5
        self.norm = nn.LayerNorm(dim) if era.wrap == "own" else nn.Identity()
        self.to_qkv = nn.Linear(dim, 3 * inner, bias=False)
        self.to_out: nn.Module = nn.Linear(inner, dim)
        if era.to_out != "linear":
            self.to_out = nn.Sequential(self.to_out)
        if era.to_out == "unless_one_head" and heads == 1 and head_dim == dim:
            self.to_out = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        qkv = self.to_qkv(self.norm(x))
        q, k, v = rearrange(qkv, "b n (k h d) -> k b h n d", k=3, h=self.heads)
        weights = (q @ k.transpose(-1, -2) * self.scale).softmax(dim=-1)
        return self.to_out(rearrange(weights @ v, "b h n d -> b n (h d)"))


class Transformer(nn.Module):
    def __init__(
        self, era: Era, dim: int, depth: int, heads: int, head_dim: int, hidden: int
    ):
        super().__init__()

        def wrap(fn: nn.Module) -> nn.Module:
            if era.wrap == "own":
                return fn
            fn = PreNorm(dim, fn)
            return Residual(fn) if era.wrap == "residual" else fn

        def layer() -> list[nn.Module]:
            attention = Attention(era, dim, heads, head_dim)
            return [wrap(attention), wrap(FeedForward(era, dim, hidden))]

        layers = [layer() for _ in range(depth)]
        self.norm = nn.LayerNorm(dim) if era.wrap == "own" else nn.Identity()
        self.adds = era.wrap != "residual"
        self.flat = era.flat
        if era.flat:
            self.net = nn.Sequential(*(fn for pair in layers for fn in pair))
        else:
            self.layers = nn.ModuleList(nn.ModuleList(pair) for pair in layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.flat:
            return self.net(x)
        for pair in self.layers:
            for fn in pair:
                x = fn(x) + x if self.adds else fn(x)
        return self.norm(x)


def make_head(kind: str, dim: int, hidden: int, classes: int) -> nn.Module:
    """Returns `mlp_head`, as wide inside as the MLPs."""
    if kind == "linear":
        return nn.Linear(dim, classes)
    if kind == "norm_linear":
        return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, classes))
    norm = [] if kind == "mlp" else [nn.LayerNorm(dim)]
    dropout = [nn.Identity()] if kind == "norm_mlp_dropout" else []
    inner = [nn.Linear(dim, hidden), nn.GELU(), *dropout, nn.Linear(hidden, classes)]
    return nn.Sequential(*norm, *inner)


def make_patches(kind: str, size: int, channels: int, dim: int) -> nn.Sequential:
    """Returns what makes tokens of an image; its 1 is the linear layer, or norms."""
    there = "(p1 h) (p2 w)" if kind == "strided" else "(h p1) (w p2)"
    flatten = Rearrange(f"b c {there} -> b (h w) (p1 p2 c)", p1=size, p2=size)
    length = channels * size**2
    linear = nn.Linear(length, dim)
    if kind == "normed":
        norms = nn.LayerNorm(length), nn.LayerNorm(dim)
        return nn.Sequential(flatten, norms[0], linear, norms[1])
    return nn.Sequential(flatten, linear)


class Vit(nn.Module):
    """ViT of an era; logits come back."""

    def __init__(
        self,
        era: Era,
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
        pool: Literal["cls", "mean"] = "cls",
    ):
        super().__init__()
        assert era.pools or pool == "cls"
        assert era.head_dim or head_dim is None
        head_dim = head_dim or embed_dim // num_heads
        self.era, self.pool = era, pool
        has_token = era.token == "always" or pool == "cls"
        count = (image_size // patch_size) ** 2 + has_token
        one = () if era.token == "for_cls_flat" else (1,)
        self.cls_token = nn.Parameter(torch.zeros(*one, int(has_token), embed_dim))
        self.pos_embedding = nn.Parameter(torch.zeros(*one, count, embed_dim))
        patches = make_patches(era.patches, patch_size, in_channels, embed_dim)
        if era.patches in ("strided", "bare"):
            self.flatten, self.patch_to_embedding = patches
        else:
            self.to_patch_embedding = patches
        self.transformer = Transformer(
            era, embed_dim, depth, num_heads, head_dim, mlp_dim
        )
        self.mlp_head = make_head(era.head, embed_dim, mlp_dim, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.era.patches in ("strided", "bare"):
            x = self.patch_to_embedding(self.flatten(x))
        else:
            x = self.to_patch_embedding(x)
        token = self.cls_token.expand(x.shape[0], *self.cls_token.shape[-2:])
        x = torch.cat([token, x], dim=1) + self.pos_embedding
        x = self.transformer(x)
        return self.mlp_head(x.mean(dim=1) if self.pool == "mean" else x[:, 0])


ERAS = _accumulate()
BUILDERS: dict[str, Callable[..., nn.Module]] = {
    name: functools.partial(Vit, era) for name, era in ERAS.items()
}
