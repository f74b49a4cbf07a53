"""The count against what JAX traces, and against a count by hand."""

import math
import re

import jax
import jax.numpy as jnp
import pytest

from tests.models import TINY
from vit_jax.config import ViTConfig
from vit_jax.flops import count_forward, count_training
from vit_jax.model.params import bind, param_shapes

ONE = TINY.replace(depth=1)
CONFIGS = {
    "ViT-B/16, one block": ViTConfig(depth=1),
    "registers, gated, a loop": TINY.replace(
        num_registers=3, mlp="gated", mlp_norm=True, scan_layers=True, pool="none"
    ),
    "differential, wide heads": ONE.replace(
        head_dim=12, differential=True, pool="cls_mean"
    ),
    "two branches, no output layer, shared heads": ONE.replace(
        num_branches=2, attn_proj=False, num_heads=4, num_kv_heads=(2,)
    ),
    "side by side, relative bias, attention pooling": ONE.replace(
        block="parallel", relative_position_bias=True, qk_norm=True, pool="map",
        pool_heads=4, pool_mlp_dim=40, pixel_norm=True,
    ),
    "distilled": ONE.replace(distill_token=True, pre_logits=24, rope="mixed"),
}  # fmt: skip
POOLED = CONFIGS["side by side, relative bias, attention pooling"]
FROZEN = ["^embed", r"^(embed|blocks\.0)", "^(?!head)", "kernel$"]


def count_products(jaxpr) -> int:
    """Returns the FLOPs of all dot_generals of a jaxpr; a loop counts each turn."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            ((left, _), _) = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            summed = math.prod(shape[axis] for axis in left)
            total += 2 * math.prod(equation.outvars[0].aval.shape) * summed
        inner = jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns")
        )
        turns = equation.params.get("length", 1)
        for each in inner:
            each = getattr(each, "jaxpr", each)
            if hasattr(each, "eqns"):
                total += turns * count_products(each)
    return total


def traced(config, trained=None) -> int:
    """Returns the FLOPs of one image's products, as JAX would compute them.

    Args:
      trained: names; None for the forward pass alone.
    """
    shapes = {
        name: jax.ShapeDtypeStruct(shape, jnp.float32)
        for name, shape in param_shapes(config).items()
    }
    images = jax.ShapeDtypeStruct((2, *config.image_shape), jnp.float32)

    def loss(some, rest, images):
        return bind(config, {**rest, **some})(images).sum()

    some = {name: shapes[name] for name in trained or ()}
    rest = {name: shape for name, shape in shapes.items() if name not in some}
    function = loss if trained is None else jax.value_and_grad(loss)
    jaxpr = jax.make_jaxpr(function)(some, rest, images)
    return count_products(jaxpr.jaxpr) / 2


@pytest.mark.parametrize("name", CONFIGS)
def test_the_count_is_what_jax_traces(name):
    names = list(param_shapes(CONFIGS[name]))
    assert count_training(CONFIGS[name], names) == traced(CONFIGS[name], names)


@pytest.mark.parametrize("pattern", FROZEN)
def test_what_is_frozen_has_no_gradient_and_needs_none(pattern):
    trained = [name for name in param_shapes(POOLED) if not re.search(pattern, name)]
    assert count_training(POOLED, trained) == traced(POOLED, trained)


def test_a_vit_b_16_is_as_counted_by_hand():
    """35.1 GFLOP forward at 224, and thrice that less the gradient of the images."""
    patches = 196 * (16 * 16 * 3) * 768
    dense = 197 * (4 * 768 * 768 + 2 * 768 * 3072)
    scores = 2 * 197 * 197 * 768
    forward = 2 * (patches + 12 * (dense + scores) + 768 * 1000)
    assert forward == 35_127_656_448
    config = ViTConfig()
    assert count_forward(config) == forward
    assert (
        count_training(config, list(param_shapes(config))) == 3 * forward - 2 * patches
    )


def test_an_image_at_inference_costs_the_forward_pass():
    assert count_forward(ONE) == traced(ONE)
