"""Tiny models and random numbers for them."""

import numpy as np

from vit_jax.config import ViTConfig
from vit_jax.model.params import bind, param_shapes
from vit_jax.model.vit import VisionTransformer

TINY = ViTConfig(
    image_size=8,
    patch_size=4,
    in_channels=1,
    num_classes=10,
    embed_dim=16,
    depth=2,
    num_heads=2,
    mlp_dim=32,
)


def random_params(config: ViTConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """Returns parameters of which none is zero or one: those hide mistakes."""
    rng = np.random.default_rng(seed)

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) == 1:
            centre = 1.0 if name.endswith(("scale", "gamma")) else 0.0
            return centre + 0.3 * rng.standard_normal(shape, np.float32)
        return rng.standard_normal(shape, np.float32) * (1.5 / shape[-2] ** 0.5)

    shapes = param_shapes(config)
    return {name: np.float32(draw(name, shape)) for name, shape in shapes.items()}


def random_model(config: ViTConfig, seed: int = 0) -> VisionTransformer:
    """Returns a model with random_params."""
    return bind(config, random_params(config, seed))


def random_images(config: ViTConfig, batch: int = 2, seed: int = 0) -> np.ndarray:
    """Returns normalised images, as a pipeline would give them."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((batch, *config.image_shape), np.float32)
