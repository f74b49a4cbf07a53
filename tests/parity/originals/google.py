"""Google's ViTs in flax linen: vision_transformer's and big_vision's.

Sources: google-research/vision_transformer, vit_jax/models_vit.py;
google-research/big_vision, big_vision/models/vit.py (5f95305). What a file calls its
arrays is in `tests.parity.originals.google_names`.

Left out: ResNet stems, dropout, initial values, and the logits of single patches. A
module gives its stages, by the names of our model's.
"""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict

from tests.parity.originals.google_layers import (
    Encoder,
    MAPHead,
    Stages,
    finish,
    sincos_2d,
)


class VitJax(nn.Module):
    """vision_transformer's VisionTransformer: positions have a row for the token."""

    patch_size: int
    embed_dim: int
    depth: int
    num_heads: int
    mlp_dim: int
    num_classes: int
    classifier: Literal["token", "gap", "unpooled"]
    rep_size: int | None

    @nn.compact
    def __call__(self, images: jax.Array) -> Stages:
        p = (self.patch_size, self.patch_size)
        grid = nn.Conv(self.embed_dim, p, strides=p, padding="VALID", name="embedding")(
            images
        )
        x = patches = grid.reshape(len(images), -1, self.embed_dim)
        if self.classifier == "token":
            cls = self.param("cls", nn.initializers.zeros, (1, 1, self.embed_dim))
            x = jnp.concatenate([jnp.tile(cls, (len(x), 1, 1)), x], axis=1)
        encoder = Encoder(
            self.depth, self.num_heads, self.mlp_dim, positions=True, name="Transformer"
        )
        x, stages = encoder(x)
        if self.classifier != "unpooled":
            x = x[:, 0] if self.classifier == "token" else x.mean(axis=1)
        logits = finish(x, self.rep_size, self.num_classes)
        return {"patches": patches, **stages, "pool": x, "logits": logits}


class BigVision(nn.Module):
    """big_vision's vit._Model: positions are of patches alone."""

    patch_size: int
    embed_dim: int
    depth: int
    num_heads: int
    mlp_dim: int
    num_classes: int
    pool: Literal["gap", "tok", "map", "0", "none"]
    posemb: Literal["learn", "sincos2d"]
    rep_size: int | None
    scan: bool

    @nn.compact
    def __call__(self, images: jax.Array) -> Stages:
        p = (self.patch_size, self.patch_size)
        grid = nn.Conv(self.embed_dim, p, strides=p, padding="VALID", name="embedding")(
            images
        )
        x = patches = grid.reshape(len(images), -1, self.embed_dim)
        if self.posemb == "learn":
            init = nn.initializers.normal()
            x = x + self.param("pos_embedding", init, (1, *x.shape[1:]))
        else:
            x = x + sincos_2d(*grid.shape[1:])
        if self.pool == "tok":
            cls = self.param("cls", nn.initializers.zeros, (1, 1, self.embed_dim))
            x = jnp.concatenate([jnp.tile(cls, (len(x), 1, 1)), x], axis=1)
        sizes = {"num_heads": self.num_heads, "mlp_dim": self.mlp_dim}
        encoder = Encoder(self.depth, **sizes, scan=self.scan, name="Transformer")
        x, stages = encoder(x)
        if self.pool == "map":
            x = MAPHead(**sizes)(x)
        elif self.pool != "none":
            x = x.mean(axis=1) if self.pool == "gap" else x[:, 0]
        logits = finish(x, self.rep_size, self.num_classes)
        return {"patches": patches, **stages, "pool": x, "logits": logits}


@dataclasses.dataclass(frozen=True, eq=False)
class Google:
    """A linen module with random parameters, as one would with its file.

    Attributes:
      tensors: the parameters by flax linen's paths, with slashes.
    """

    module: nn.Module
    tensors: dict[str, np.ndarray]

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Returns logits, or features without a head, of channels-last images."""
        return self.stages(images)["logits"]

    def stages(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns what each stage gives."""
        params = unflatten_dict(self.tensors, sep="/")
        with jax.default_matmul_precision("highest"):
            stages = jax.jit(self.module.apply)({"params": params}, images)
        return {name: np.asarray(value) for name, value in stages.items()}


def fan_in(name: str, shape: tuple[int, ...]) -> int:
    """Returns how many numbers a kernel sums for each that it gives."""
    shape = shape[1:] if "/encoderblock/" in name else shape
    outs = 2 if name.rpartition("/")[0].endswith(("query", "key", "value")) else 1
    return int(np.prod(shape[:-outs]))


def draw(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Returns random values: ones and zeros hide swaps."""
    noise = rng.standard_normal(shape, np.float32)
    if name.endswith("kernel"):
        return noise * np.float32(1.5 * fan_in(name, shape) ** -0.5)
    if name.endswith("scale"):
        return 1 + np.float32(0.3) * noise
    return noise * np.float32(0.3 if name.endswith("bias") else 0.05)


def _build(module: nn.Module, image_size: int, seed: int) -> Google:
    images = jax.ShapeDtypeStruct((1, image_size, image_size, 3), np.float32)
    shapes = jax.eval_shape(module.init, jax.random.key(0), images)["params"]
    leaves = flatten_dict(shapes, sep="/")
    rng = np.random.default_rng(seed)
    return Google(module, {k: draw(k, leaves[k].shape, rng) for k in sorted(leaves)})


def vit_jax(
    *,
    image_size: int = 28,
    patch_size: int = 14,
    embed_dim: int = 48,
    depth: int = 2,
    num_heads: int = 3,
    mlp_dim: int = 96,
    num_classes: int = 5,
    classifier: Literal["token", "gap", "unpooled"] = "token",
    rep_size: int | None = None,
    seed: int = 0,
) -> Google:
    """Returns vision_transformer's model; `rep_size` is its representation_size."""
    sizes = (patch_size, embed_dim, depth, num_heads, mlp_dim, num_classes)
    return _build(VitJax(*sizes, classifier, rep_size), image_size, seed)


def big_vision(
    *,
    image_size: int = 28,
    patch_size: int = 14,
    embed_dim: int = 48,
    depth: int = 2,
    num_heads: int = 3,
    mlp_dim: int = 96,
    num_classes: int = 5,
    pool: Literal["gap", "tok", "map", "0", "none"] = "gap",
    posemb: Literal["learn", "sincos2d"] = "learn",
    rep_size: int | None = None,
    scan: bool = False,
    seed: int = 0,
) -> Google:
    """Returns big_vision's model; SigLIP is pool="map", num_classes=0."""
    sizes = (patch_size, embed_dim, depth, num_heads, mlp_dim, num_classes)
    return _build(BigVision(*sizes, pool, posemb, rep_size, scan), image_size, seed)
