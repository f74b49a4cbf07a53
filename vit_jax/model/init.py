"""Initial values, drawn on the host: one row a kind of parameter.

Drawing with numpy into shapes that `nnx.eval_shape` gives takes 0.1 to 1 s where the
usual initialisation, an accelerator program for each parameter, takes 4 to 10 s.
"""

import re
import zlib
from collections.abc import Callable

import jax
import numpy as np
from flax import nnx
from jax.core import Tracer

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError

Shape = tuple[int, ...]
Draw = Callable[[np.random.Generator, Shape], np.ndarray]


def constant(value: float) -> Draw:
    """Returns a draw of one value."""
    return lambda _, shape: np.full(shape, value, np.float32)


def normal(std: float) -> Draw:
    """Returns a draw from the normal distribution with mean 0."""
    return lambda rng, shape: rng.standard_normal(shape, np.float32) * np.float32(std)


def lecun_normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Returns values of variance 1 / fan_in."""
    return normal(shape[0] ** -0.5)(rng, shape)


def xavier_uniform(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Returns uniform values of variance 2 / (fan_in + fan_out)."""
    limit = np.float32((6 / sum(shape)) ** 0.5)
    return (rng.random(shape, np.float32) * 2 - 1) * limit


def mixed_frequencies(temperature: float) -> Draw:
    """Returns a draw of two axes' rotary frequencies, turned at random in each head.

    Source: init_random_2d_freqs of rope-vit (arXiv:2403.13298).
    """

    def draw(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        _, heads, pairs = shape
        size = temperature ** -(np.arange(pairs // 2) / (pairs // 2))
        turn = rng.random((heads, 1)) * 2 * np.pi
        x = np.concatenate([size * np.cos(turn), size * -np.sin(turn)], axis=1)
        y = np.concatenate([size * np.sin(turn), size * np.cos(turn)], axis=1)
        return np.stack([x, y]).astype(np.float32)

    return draw


def rows(config: ViTConfig) -> tuple[tuple[str, Draw], ...]:
    """Returns (pattern of the parameter's name, draw); the first match counts.

    Source: google-research/vision_transformer's models_vit.py, save that its MLP
    biases of deviation 1e-6 are zeros here; the tokens are DeiT's.
    """
    return (
        (r"(cls|dist|reg)_token$", normal(0.02)),
        (r"latent$", normal(config.embed_dim**-0.5)),
        (r"pos_embed$", normal(0.02)),
        (r"relative_bias$", constant(0)),
        (r"rope\.freqs$", mixed_frequencies(config.rope_temperature)),
        (r"lambda_[qk][12]$", normal(0.1)),
        (r"gamma$", constant(config.layer_scale or 0)),
        (r"scale$", constant(1)),
        (r"bias$", constant(0)),
        (r"^head(_dist)?\.kernel$", constant(0)),
        (r"^(embed\.proj|pre_logits)\.kernel$", lecun_normal),
        (r"^(blocks|pool)\..*\.kernel$", xavier_uniform),
    )


def initial_value(
    name: str, shape: Shape, config: ViTConfig, seed: tuple[int, ...]
) -> np.ndarray:
    """Returns a parameter's float32 initial value, a function of seed and name."""
    draw = next(draw for pattern, draw in rows(config) if re.search(pattern, name))
    # The name in the seed: another option in the config leaves all others as they were.
    return draw(np.random.default_rng([*seed, zlib.crc32(name.encode())]), shape)


def fill(model: nnx.Module, config: ViTConfig, key: jax.Array) -> None:
    """Writes initial values into a model's parameters.

    Raises:
      InputError: called while JAX traces, where the host cannot draw.
    """
    if isinstance(key, Tracer):
        raise InputError(
            "VisionTransformer(config, rngs=...) draws its initial values on the host,"
            " which jit and eval_shape cannot. Leave rngs out there, and fill the"
            " parameters with vit_jax.init_params(config, seed=0)."
        )
    seed = tuple(int(word) for word in jax.random.key_data(key).ravel())
    for path, variable in nnx.to_flat_state(nnx.state(model, nnx.Param)):
        name = ".".join(map(str, path))
        value = initial_value(name, variable.get_value().shape, config, seed)
        variable.set_value(jax.device_put(value))
