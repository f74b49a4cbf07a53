import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.models import TINY, random_images, random_model, random_params
from vit_jax.errors import InputError
from vit_jax.model.params import bind, param_shapes
from vit_jax.model.vit import VisionTransformer


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({}, (2, 10)),
        ({"num_classes": 0}, (2, 16)),
        ({"pool": "none"}, (2, 5, 10)),
        ({"pool": "mean", "class_token": "none"}, (2, 10)),
        ({"distill_token": True}, (2, 10)),
        ({"distill_token": True, "num_classes": 0}, (2, 16)),
        ({"image_size": (8, 12), "patch_size": (2, 4)}, (2, 10)),
    ],
)
def test_the_output_has_the_shape_that_the_config_says(changes, shape):
    config = TINY.replace(**changes)
    assert random_model(config)(random_images(config)).shape == shape


def test_patches_are_read_row_by_row(tiny):
    images = jnp.arange(64.0).reshape(1, 8, 8, 1)
    patches = random_model(tiny).embed.patchify(images)
    np.testing.assert_array_equal(patches[0, 1], images[0, :4, 4:].ravel())
    np.testing.assert_array_equal(patches[0, 2], images[0, 4:, :4].ravel())


def test_patches_projected_equal_a_convolution():
    config = TINY.replace(in_channels=3, patch_size=(2, 4))
    model, images = random_model(config), jnp.asarray(random_images(config))
    kernel = model.embed.proj.kernel[...].reshape(2, 4, 3, 16)
    expected = jax.lax.conv_general_dilated(
        images, kernel, (2, 4), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    ours = model.embed.proj(model.embed.patchify(images)).reshape(expected.shape)
    bias = model.embed.proj.bias[...].reshape(1, 1, 1, 16)
    np.testing.assert_allclose(ours, expected + bias, atol=2e-6)


@pytest.mark.parametrize("changes", [{"drop_remainder": True}])
def test_pixels_too_few_for_a_patch_are_not_seen(tiny, changes):
    config = tiny.replace(image_size=(11, 9), **changes)
    images = random_images(config)
    np.testing.assert_array_equal(
        random_model(config)(images), random_model(tiny)(images[:, :8, :8])
    )


def test_the_mean_is_over_patches_and_not_the_prefix(tiny):
    model = random_model(tiny.replace(pool="mean"))
    tokens = jnp.asarray(np.random.default_rng(0).normal(size=(1, 5, 16)), jnp.float32)
    np.testing.assert_allclose(model.pool(tokens), tokens[:, 1:].mean(1), atol=1e-6)


@pytest.mark.parametrize(
    "changes", [{"scan_layers": True}, {"remat": "full"}, {"remat": "dots"}]
)
def test_scan_and_remat_change_no_parameter_and_no_result(tiny, changes):
    config = tiny.replace(drop_path=0.5, dropout=0.1, layer_scale=0.1)
    other = config.replace(**changes)
    assert param_shapes(other) == param_shapes(config)
    params, images = random_params(config), random_images(config)

    def loss(params, config):
        return bind(config, params)(images, rngs=nnx.Rngs(dropout=7)).std()

    run = jax.jit(jax.value_and_grad(loss), static_argnums=1)
    ours, theirs = (jax.tree.leaves(run(params, c)) for c in (config, other))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "rate", ["dropout", "attn_dropout", "pos_dropout", "drop_path"]
)
def test_a_model_drops_exactly_when_it_is_given_rngs(tiny, rate):
    model = random_model(tiny.replace(**{rate: 0.5}))
    images = random_images(tiny, batch=4)
    plain = random_model(tiny)(images)
    np.testing.assert_array_equal(model(images), plain)
    one = model(images, rngs=nnx.Rngs(dropout=0))
    assert not np.allclose(one, plain)
    np.testing.assert_array_equal(one, model(images, rngs=nnx.Rngs(dropout=0)))
    assert not np.allclose(one, model(images, rngs=nnx.Rngs(dropout=1)))


def test_attention_with_dropout_near_zero_equals_attention(tiny):
    model = random_model(tiny.replace(attn_dropout=1e-7))
    images = random_images(tiny)
    dropped = model(images, rngs=nnx.Rngs(dropout=0))
    np.testing.assert_allclose(dropped, model(images), rtol=1e-5, atol=1e-5)


def test_bfloat16_computes_close_by_and_returns_float32(tiny):
    images = random_images(tiny)
    exact = random_model(tiny)(images)
    rounded = random_model(tiny.replace(dtype="bfloat16"))(images)
    assert rounded.dtype == jnp.float32
    error = np.linalg.norm(rounded - exact) / np.linalg.norm(exact)
    assert 1e-4 < error < 3e-2


def test_layer_norm_stays_exact_far_from_zero(tiny):
    """Flax's default variance is off by 4e-3 at a mean of 100 deviations."""
    x = np.random.default_rng(0).normal(100, 1, (1, 3, 16)).astype(np.float32)
    exact = (x - x.mean(-1, dtype=np.float64, keepdims=True)) / np.sqrt(
        x.var(-1, dtype=np.float64, keepdims=True) + 1e-6
    )
    norm = VisionTransformer(tiny, rngs=nnx.Rngs(0)).norm
    np.testing.assert_allclose(norm(jnp.asarray(x)), exact, atol=5e-5)


def test_cudnn_without_a_gpu_is_refused_with_the_way_out(tiny):
    model = random_model(tiny.replace(attention="cudnn", dtype="bfloat16"))
    with pytest.raises(InputError, match="the cpu here: choose attention='auto'"):
        model(random_images(tiny))


def test_the_last_stage_is_the_output(tiny):
    model, images = random_model(tiny), random_images(tiny)
    stages = dict(model.stages(images))
    before, after = ["patches", "embed", "blocks.0"], ["norm", "pool", "logits"]
    assert list(stages) == [*before, "blocks.1", *after]
    np.testing.assert_array_equal(stages["logits"], model(images))


def test_images_of_another_size_are_refused_with_both_shapes(tiny):
    images = random_images(tiny.replace(image_size=16))
    with pytest.raises(InputError, match=r"\(2, 16, 16, 1\) given.*\(batch, 8, 8, 1\)"):
        random_model(tiny)(images)


def test_what_is_computed_again_needs_no_memory(tiny):
    config = tiny.replace(depth=4, image_size=32, scan_layers=True)
    params, images = random_params(config), random_images(config, batch=8)

    def find_bytes(remat):
        model = config.replace(remat=remat)
        gradients = jax.grad(lambda params: bind(model, params)(images).std())
        return jax.jit(gradients).lower(params).compile().memory_analysis()

    none, dots, full = (
        find_bytes(remat).temp_size_in_bytes for remat in ("none", "dots", "full")
    )
    assert none > 1.5 * dots > 1.5 * full


@pytest.mark.parametrize(
    ("mode", "rates"), [("linear", [0, 0.5]), ("constant", [0.5, 0.5])]
)
def test_drop_path_rises_from_block_to_block_or_is_the_same(tiny, mode, rates):
    config = tiny.replace(drop_path=0.5, drop_path_mode=mode, final_norm=False)
    params = random_params(config)
    x = jnp.ones((400, config.num_tokens, config.embed_dim))
    for index, rate in enumerate(rates):
        attention = f"blocks.{index}.attn."
        alone = {  # only one branch of one block adds anything
            name: array if name.startswith(attention) else 0 * array
            for name, array in params.items()
        }
        alone[f"blocks.{index}.norm1.bias"] = params[f"blocks.{index}.norm1.bias"]
        y = bind(config, alone).encode(x, rngs=nnx.Rngs(dropout=0))
        dropped = float((y == x).all(axis=(1, 2)).mean())
        assert abs(dropped - rate) < 0.08  # three deviations of 400 coins
