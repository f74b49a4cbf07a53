"""Parameters as one flat dict, `{"blocks.3.attn.q.kernel": array}`, and back.

All that is not the model itself (optimizer, converter, checkpoints) sees parameters in
this form: a plain pytree with names that a pattern can match.
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.model.init import initial_value
from vit_jax.model.vit import VisionTransformer

Params = Mapping[str, jax.Array | NDArray[Any]]
_FIRST = "blocks.0."


@functools.lru_cache(maxsize=32)
def _abstract(config: ViTConfig) -> tuple[nnx.GraphDef, dict[str, tuple[int, ...]]]:
    model = nnx.eval_shape(lambda: VisionTransformer(config))
    graphdef, state = nnx.split(model)
    leaves = nnx.to_flat_state(state)
    return graphdef, {
        ".".join(map(str, path)): leaf.get_value().shape for path, leaf in leaves
    }


def param_shapes(config: ViTConfig) -> dict[str, tuple[int, ...]]:
    """Returns the name and shape of every parameter, without making any."""
    if config.num_kv_heads:  # by which blocks may differ
        return dict(_abstract(config)[1])
    # One block is built, and named as often as there are blocks: names are sorted.
    _, shapes = _abstract(config.replace(depth=1))
    block = {name: shape for name, shape in shapes.items() if name.startswith(_FIRST)}
    every = {
        f"blocks.{i}.{name.removeprefix(_FIRST)}": shape
        for i in range(config.depth)
        for name, shape in block.items()
    }
    return every | {name: shapes[name] for name in shapes if name not in block}


def init_params(config: ViTConfig, *, seed: int) -> dict[str, np.ndarray]:
    """Returns initial float32 parameters on the host: a function of seed and name."""
    return {
        name: initial_value(name, shape, config, (seed,))
        for name, shape in param_shapes(config).items()
    }


def bind(config: ViTConfig, params: Params) -> VisionTransformer:
    """Returns the model that computes with these parameters.

    Cheap, and free under jit: nothing is drawn, copied or compiled.

    Raises:
      InputError: the names or shapes are not those of the config's model.
    """
    graphdef, shapes = _abstract(config)
    given = {name: leaf.shape for name, leaf in params.items()}
    if given != shapes:
        wrong = sorted(name for name, _ in given.items() ^ shapes.items())
        raise InputError(
            f"the parameters are not those of this config: {', '.join(wrong[:3])}"
            f"{' ...' if len(wrong) > 3 else ''} differ in name or shape. Compare with"
            " vit_jax.init_params(config, seed=0)."
        )
    flat = [
        (tuple(int(part) if part.isdigit() else part for part in name.split(".")), leaf)
        for name, leaf in params.items()
    ]
    return nnx.merge(graphdef, nnx.from_flat_state(flat))


def unbind(model: VisionTransformer) -> dict[str, jax.Array | NDArray[Any]]:
    """Returns the parameters of a model by name: `bind` undone."""
    leaves = nnx.to_flat_state(nnx.state(model, nnx.Param))
    return {".".join(map(str, path)): leaf.get_value() for path, leaf in leaves}
