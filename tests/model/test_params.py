import numpy as np
import pytest

from tests.models import random_params
from vit_jax.errors import InputError
from vit_jax.model.params import bind, param_shapes, unbind


def test_unbind_undoes_bind(tiny):
    params = random_params(tiny.replace(depth=11))
    again = unbind(bind(tiny.replace(depth=11), params))
    assert list(again) == list(params)
    assert all(np.array_equal(again[name], params[name]) for name in params)


def test_names_follow_the_rooms_and_timm(tiny):
    names = param_shapes(tiny.replace(layer_scale=1.0))
    assert {"embed.cls_token", "embed.pos_embed", "norm.scale", "head.bias"} <= set(
        names
    )
    assert names["blocks.1.attn.q.kernel"] == (16, 16)
    assert names["blocks.1.ls2.gamma"] == (16,)


def test_parameters_of_another_model_are_not_bound(tiny):
    with pytest.raises(
        InputError, match=r"blocks\.2\.attn\.k\.bias, .* differ in name"
    ):
        bind(tiny, random_params(tiny.replace(depth=3)))
    with pytest.raises(InputError, match=r"embed\.pos_embed.* differ in name or shape"):
        bind(tiny, random_params(tiny.replace(image_size=16)))
