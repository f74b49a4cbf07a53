"""What an option of the config changes, by what its paper says of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.models import TINY, random_images, random_model, random_params
from vit_jax.errors import InputWarning
from vit_jax.model.mlp import gelu
from vit_jax.model.params import bind, param_shapes, unbind
from vit_jax.model.positions import relative_index, sincos_table
from vit_jax.model.rope import fixed_angles, rotate, rotation

WIDE = TINY.replace(image_size=(8, 12), position="none")


def same(one, two, atol=2e-6):
    np.testing.assert_allclose(one, two, atol=atol)


@pytest.mark.parametrize(("position", "last"), [("sincos2d", 4), ("sincos2d_moco", 3)])
def test_sines_and_cosines_stand_as_in_mae_and_moco(position, last):
    """Columns first, sine before cosine; the two differ in the last frequency."""
    config = WIDE.replace(position=position, position_on="patches")
    table = sincos_table(config)
    assert table.shape == (1, 6, 16)
    for patch, (row, column) in enumerate(np.ndindex(2, 3)):
        for i in range(4):
            omega = 10000 ** -(i / last)
            place = np.array([column, column, row, row]) * omega
            expected = [f(x) for f, x in zip([np.sin, np.cos] * 2, place, strict=True)]
            same(table[0, patch, i::4], expected)


def test_a_sincos_table_is_no_parameter_and_is_added_to_the_patches():
    config = WIDE.replace(position="sincos2d", position_on="patches")
    assert param_shapes(config) == param_shapes(WIDE)
    params, images = random_params(WIDE), random_images(WIDE)
    one, two = (bind(c, params).embed(images) for c in (config, WIDE))
    same(one[:, 1:] - two[:, 1:], np.broadcast_to(sincos_table(config), (2, 6, 16)))
    same(one[:, 0], two[:, 0])


@pytest.mark.parametrize("pairs", ["halves", "interleaved"])
@pytest.mark.parametrize("rope", ["axial", "centred"])
def test_rotated_products_depend_on_the_distance_alone(rope, pairs):
    config = WIDE.replace(rope=rope, rope_pairs=pairs, class_token="none", pool="mean")
    turn = rotation(jnp.asarray(fixed_angles(config)))
    rng = np.random.default_rng(0)
    q, k = (
        jnp.broadcast_to(jnp.asarray(rng.normal(size=(1, 1, 2, 8)), jnp.float32), s)
        for s in [(1, 6, 2, 8)] * 2
    )
    q, k = rotate(q, turn, config), rotate(k, turn, config)
    logits = jnp.einsum("bthe,bshe->hts", q, k)
    same(logits[:, 0, 1], logits[:, 4, 5])  # one column to the right, in both rows
    same(logits[:, 0, 3], logits[:, 2, 5])  # one row down, in the first and last column
    assert not np.allclose(logits[:, 0, 1], logits[:, 1, 0], atol=1e-3)
    same(jnp.linalg.norm(q, axis=-1)[0], jnp.linalg.norm(q, axis=-1)[0, ::-1])


def test_tokens_around_the_patches_are_not_rotated():
    config = WIDE.replace(rope="axial", num_registers=2, class_token="last")
    turn = rotation(jnp.asarray(fixed_angles(config)))
    x = jnp.ones((1, 9, 2, 8))
    turned = rotate(x, turn, config)
    np.testing.assert_array_equal(turned[:, [0, 1, 8]], x[:, [0, 1, 8]])
    assert not np.allclose(turned[:, 3:8], x[:, 3:8])


def test_a_finer_grid_is_stretched_to_that_of_pre_training():
    coarse = WIDE.replace(rope="axial", rope_grid=(2, 3))
    fine = WIDE.replace(rope="axial", rope_grid=(2, 3), patch_size=2)
    one, two = fixed_angles(coarse), fixed_angles(fine)
    same(two.reshape(4, 6, -1)[::2, ::2].reshape(6, -1), one.reshape(6, -1))


def test_equal_distances_share_a_row_of_the_relative_bias():
    index = relative_index(WIDE.replace(relative_position_bias=True))
    assert index.shape == (7, 7)
    assert index[1, 2] == index[5, 6] != index[2, 1]
    assert len(set(np.diag(index)[1:])) == 1
    assert set(index.ravel()) == set(range(3 * 5 + 3))


def test_queries_that_share_keys_equal_queries_with_copies_of_them(tiny):
    shared = tiny.replace(num_kv_heads=(1, 2), attn_dropout=0.1)
    params = random_params(shared)
    copies = dict(params)
    for part in "kv":
        for kind, axis in (("kernel", 1), ("bias", 0)):
            name = f"blocks.0.attn.{part}.{kind}"
            copies[name] = np.concatenate([params[name]] * 2, axis=axis)
    images = random_images(tiny)
    same(bind(shared, params)(images), bind(tiny, copies)(images), atol=2e-5)


def test_registers_get_positions_only_where_the_config_says(tiny):
    images = random_images(tiny)
    for position_on, moved in (("all", True), ("class", False), ("patches", False)):
        config = tiny.replace(num_registers=2, position_on=position_on)
        model = random_model(config)
        registers = model.embed(images)[:, 1:3]
        plain = jnp.broadcast_to(model.embed.reg_token[...], registers.shape)
        assert np.allclose(registers, plain) != moved


def test_a_table_longer_than_the_sequence_is_read_from_its_start(tiny):
    longer = tiny.replace(position_rows=9)
    params = random_params(longer)
    cut = params | {"embed.pos_embed": params["embed.pos_embed"][:, :5]}
    images = random_images(tiny)
    np.testing.assert_array_equal(bind(longer, params)(images), bind(tiny, cut)(images))


def test_a_tanh_layer_stands_before_the_head(tiny):
    model = random_model(tiny.replace(pre_logits=7))
    features = jnp.ones((2, 16))
    assert model.pre_logits
    assert model.head
    expected = model.head(jnp.tanh(model.pre_logits(features)))
    same(model.classify(features), expected)


def test_branches_side_by_side_are_summed(tiny):
    """Two branches with the same parameters equal one whose output counts twice."""
    config = tiny.replace(num_branches=2)
    single = random_params(tiny)
    double, twice = {}, dict(single)
    for name in param_shapes(config):
        double[name] = single[_one(name)]
    for name in single:
        if "attn.proj" in name or "mlp.fc2" in name:
            twice[name] = 2 * single[name]
    images = random_images(tiny)
    same(bind(config, double)(images), bind(tiny, twice)(images), atol=2e-5)


def _one(name: str) -> str:
    """Returns blocks.1.attn.q.bias for blocks.1.attn.0.q.bias."""
    parts = name.split(".")
    return ".".join(p for i, p in enumerate(parts) if i < 2 or not p.isdigit())


@pytest.mark.parametrize(
    "changes",
    [
        {"rope": "axial"},
        {"rope": "mixed"},
        {"relative_position_bias": True},
        {"block": "parallel"},
        {"num_branches": 2},
        {"block": "post", "dtype": "bfloat16"},
    ],
)
def test_a_scan_over_the_blocks_gives_what_they_give_one_by_one(changes):
    config = WIDE.replace(**changes)
    params, images = random_params(config), random_images(config)
    run = jax.jit(lambda c, p, x: bind(c, p)(x), static_argnums=0)
    one, two = (
        run(c, params, images) for c in (config, config.replace(scan_layers=True))
    )
    same(one, two, atol=0.05 if config.dtype == "bfloat16" else 2e-5)


def test_images_attend_to_their_batch_with_a_warning(tiny):
    config = tiny.replace(attend_over="batch", pool="mean")
    model, images = random_model(config), random_images(tiny)
    with pytest.warns(InputWarning, match="forgot batch_first"):
        together = model(images)
    with pytest.warns(InputWarning, match="forgot batch_first"):
        alone = model(images[:1])
    assert not np.allclose(together[:1], alone, atol=1e-3)


@pytest.mark.parametrize("changes", [{"norm": "rms"}, {"block": "res_post"}])
def test_bfloat16_keeps_the_residual_stream_in_bfloat16(tiny, changes):
    model = random_model(tiny.replace(dtype="bfloat16", stem_norm=True, **changes))
    stages = dict(model.stages(random_images(tiny)))
    kinds = {name: str(x.dtype) for name, x in stages.items()}
    assert {kinds[name] for name in ("patches", "embed", "blocks.1")} == {"bfloat16"}
    assert kinds["logits"] == "float32"
    assert unbind(model)["blocks.0.attn.q.kernel"].dtype == np.float32


@pytest.mark.parametrize(
    "changes",
    [
        {
            "rope": "mixed",
            "norm": "rms",
            "qk_norm": True,
            "mlp": "gated",
            "pool": "map",
        },
        {"relative_position_bias": True, "block": "res_post", "attn_norm": True},
        {"differential": True, "block": "parallel", "layer_scale": 0.1},
    ],
    ids=["mixed rope", "relative bias", "differential"],
)
def test_every_parameter_has_a_finite_gradient(changes):
    config = WIDE.replace(**changes)
    params, images = random_params(config), random_images(config)
    loss = jax.jit(jax.grad(lambda p: jnp.square(bind(config, p)(images)).mean()))
    for name, gradient in loss(params).items():
        assert np.isfinite(gradient).all(), name
        # A bias of k adds the same to all logits of a query: softmax does not see it.
        plain = config.rope == "none" or name.startswith("pool")
        unseen = name.endswith("attn.k.bias") and plain
        assert (np.abs(gradient).max() > 1e-5) != unseen, name


def test_pixels_are_normed_before_they_are_projected():
    """Dual PatchNorm: a patch's brightness and contrast change nothing."""
    model = random_model(TINY.replace(pixel_norm=True))
    images = random_images(TINY)
    same(model(3 * images + 5), model(images), atol=1e-4)
    assert param_shapes(model.config)["embed.pixel_norm.scale"] == (16,)


def test_the_class_token_and_the_mean_stand_side_by_side():
    model = random_model(TINY.replace(pool="cls_mean", num_registers=1))
    tokens = (
        np.random.default_rng(0).normal(size=(2, 6, 16)).astype(np.float32)
    )  # class, register, 4 patches
    pooled = model.pool(jnp.asarray(tokens))
    same(pooled, np.concatenate([tokens[:, 0], tokens[:, 2:].mean(1)], axis=1))
    assert param_shapes(model.config)["head.kernel"] == (32, 10)


def test_a_head_may_have_no_bias():
    assert "head.bias" not in param_shapes(TINY.replace(head_bias=False))


def test_gelu_of_bfloat16_is_that_of_float32_rounded_once():
    x = jnp.linspace(-6, 6, 2001, dtype=jnp.bfloat16)
    exact = jax.nn.gelu(x.astype(jnp.float32), approximate=False)
    step = jnp.abs(exact) * 2.0**-8 + 1e-6  # of bfloat16; 1 + erf rounds at 6e-8
    assert (jnp.abs(gelu(x).astype(jnp.float32) - exact) <= step).all()


def test_pre_logits_may_have_a_gelu():
    model = random_model(TINY.replace(pre_logits=7, pre_logits_activation="gelu"))
    features = jnp.asarray(random_images(TINY).reshape(2, -1)[:, :16])
    assert model.pre_logits
    assert model.head
    hidden = jax.nn.gelu(model.pre_logits(features), approximate=False)
    same(model.classify(features), model.head(hidden))


def test_wavelengths_may_be_rounded_as_metas_files_have_them():
    config = WIDE.replace(rope="centred", rope_temperature=50.0)
    whole, rounded = (
        fixed_angles(c) for c in (config, config.replace(rope_dtype="bfloat16"))
    )
    assert not np.array_equal(whole, rounded)
    np.testing.assert_allclose(rounded, whole, rtol=2**-8)
