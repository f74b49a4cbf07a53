import jax
import numpy as np
import pytest
from flax import nnx

from tests.models import TINY
from vit_jax.errors import InputError
from vit_jax.model.params import init_params, unbind
from vit_jax.model.vit import VisionTransformer


def test_every_parameter_has_the_deviation_of_its_kind():
    config = TINY.replace(embed_dim=256, mlp_dim=512, layer_scale=1e-4, num_heads=4)
    params = init_params(config, seed=0)
    expected = {
        "embed.proj.kernel": (0, 16**-0.5),
        "embed.pos_embed": (0, 0.02),
        "blocks.1.attn.q.kernel": (0, (2 / 512) ** 0.5),
        "blocks.1.mlp.fc2.kernel": (0, (2 / 768) ** 0.5),
        "blocks.0.norm1.scale": (1, 0),
        "blocks.0.ls2.gamma": (1e-4, 0),
        "blocks.0.mlp.fc1.bias": (0, 0),
        "head.kernel": (0, 0),
    }
    for name, (mean, std) in expected.items():
        assert params[name].std() == pytest.approx(std, rel=0.1, abs=1e-9), name
        assert params[name].mean() == pytest.approx(mean, abs=0.01), name


def test_every_option_has_initial_values():
    config = TINY.replace(
        norm="rms",
        num_registers=2,
        qk_norm=True,
        mlp="gated",
        pool="map",
        rope="mixed",
        rope_temperature=10.0,
        pre_logits=7,
        stem_norm=True,
    )
    params = init_params(config, seed=0)
    assert params["embed.reg_token"].std() == pytest.approx(0.02, rel=0.5)
    assert params["pool.attn.latent"].std() == pytest.approx(0.25, rel=0.5)
    # Each head turns the same magnitudes by an angle of its own.
    freqs = params["blocks.0.attn.rope.freqs"]
    sizes = np.hypot(*freqs).reshape(2, 2, 2)
    np.testing.assert_allclose(sizes, np.broadcast_to([1, 10**-0.5], sizes.shape))
    assert not np.allclose(freqs[:, 0], freqs[:, 1])
    differential = init_params(TINY.replace(differential=True), seed=0)
    start = [v for name, v in differential.items() if "lambda" in name]
    assert np.concatenate(start).std() == pytest.approx(0.1, rel=0.3)


def test_another_option_leaves_the_other_values_as_they_were(tiny):
    one = init_params(tiny, seed=3)
    two = init_params(tiny.replace(layer_scale=0.1, qkv_bias="none", depth=3), seed=3)
    for name in one.keys() & two.keys():
        np.testing.assert_array_equal(one[name], two[name])


def test_seeds_and_names_draw_different_values(tiny):
    params = init_params(tiny, seed=0)
    assert not np.allclose(
        params["blocks.0.attn.q.kernel"], params["blocks.1.attn.q.kernel"]
    )
    other = init_params(tiny, seed=1)
    assert not np.allclose(params["embed.pos_embed"], other["embed.pos_embed"])


def test_the_constructor_fills_and_is_a_function_of_its_key(tiny):
    one, two = (unbind(VisionTransformer(tiny, rngs=nnx.Rngs(5))) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert np.std(one["blocks.0.mlp.fc1.kernel"]) > 0.1


def test_drawing_while_jax_traces_is_refused_with_the_way_out(tiny):
    with pytest.raises(InputError, match="init_params"):
        nnx.eval_shape(lambda: VisionTransformer(tiny, rngs=nnx.Rngs(0)))
    with pytest.raises(InputError, match="init_params"):
        jax.jit(lambda: unbind(VisionTransformer(tiny, rngs=nnx.Rngs(0))))()
