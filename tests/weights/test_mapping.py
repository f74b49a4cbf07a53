import numpy as np
import pytest

from tests.models import TINY, random_params
from vit_jax.presets import PRESETS
from vit_jax.weights.faults import ConversionError, Fault, fold
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.layouts.timm_parallel import TIMM_PARALLEL
from vit_jax.weights.mapping import make_plan

CONFIGS = {
    "plain": TINY,
    "distilled, scaled": TINY.replace(distill_token=True, layer_scale=0.1),
    "patches only, no bias": TINY.replace(position_on="patches", qkv_bias="none"),
    "not square": TINY.replace(patch_size=(2, 4), in_channels=3, head_dim=4),
    "features": TINY.replace(num_classes=0, final_norm=False, norm_after_pool=True),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_import_undoes_export_bit_for_bit(name):
    params = random_params(CONFIGS[name])
    plan = make_plan(TIMM, CONFIGS[name])
    again = plan.to_ours(plan.to_theirs(params))
    assert again.keys() == params.keys()
    assert all(np.array_equal(again[key], params[key]) for key in params)


def test_every_dtype_comes_back_as_it_came():
    import ml_dtypes

    plan = make_plan(TIMM, TINY)
    params = random_params(TINY)
    for dtype in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, np.float64):
        tensors = plan.to_theirs({n: a.astype(dtype) for n, a in params.items()})
        again = plan.to_theirs(plan.to_ours(tensors))
        for key, tensor in tensors.items():
            assert again[key].dtype == dtype
            assert again[key].tobytes() == tensor.tobytes()


def test_fused_rows_are_q_then_k_then_v():
    params = random_params(TINY)
    tensors = make_plan(TIMM, TINY).to_theirs(params)
    fused = tensors["blocks.1.attn.qkv.weight"]
    assert fused.shape == (48, 16)
    np.testing.assert_array_equal(fused[16:32], params["blocks.1.attn.k.kernel"].T)


def test_every_preset_has_a_plan():
    """Full-size accounting costs no memory: shapes only."""
    shallow = {
        (p.layout, p.config.replace(depth=1, num_kv_heads=None))
        for p in PRESETS.values()
    }
    for layout, config in shallow:
        assert make_plan(find_layout(layout), config).moves


def test_a_model_with_parameters_that_a_layout_has_no_place_for_is_refused():
    gated = TINY.replace(mlp="gated", num_branches=2)
    with pytest.raises(ConversionError) as caught:
        make_plan(TIMM, gated)
    assert "timm layout has no place for all of this model's" in str(caught.value)
    assert Fault("homeless", "blocks.0.mlp.1.gate.kernel") in caught.value.faults


def test_of_two_rules_for_a_parameter_the_first_that_fits_counts():
    """One tensor biases q, k and v; where k has no bias, q and v have one each."""
    keys = {
        bias: {
            move.theirs.removeprefix("blocks.0.attn.")
            for move in make_plan(TIMM, TINY.replace(qkv_bias=bias)).moves
            if "attn" in move.theirs and "bias" in move.theirs and "s.0." in move.theirs
        }
        for bias in ("qkv", "qv", "none")
    }
    assert keys == {
        "qkv": {"qkv.bias", "proj.bias"},
        "qv": {"q_bias", "v_bias", "proj.bias"},
        "none": {"proj.bias"},
    }


def test_parts_of_other_sizes_stand_one_after_another():
    config = TINY.replace(block="parallel")
    params = random_params(config)
    fused = make_plan(TIMM_PARALLEL, config).to_theirs(params)[
        "blocks.1.in_proj.weight"
    ]
    assert fused.shape == (32 + 3 * 16, 16)
    np.testing.assert_array_equal(fused[:32].T, params["blocks.1.mlp.fc1.kernel"])
    np.testing.assert_array_equal(fused[48:64].T, params["blocks.1.attn.k.kernel"])


def test_one_tensor_holds_a_parameter_of_every_block():
    config = TINY.replace(rope="mixed", depth=3)
    params = random_params(config)
    freqs = make_plan(TIMM, config).to_theirs(params)["rope.freqs"]
    assert freqs.shape == (2, 3, 2, 4)
    np.testing.assert_array_equal(freqs[:, 1], params["blocks.1.attn.rope.freqs"])


def test_all_faults_are_gathered_in_one_error():
    plan = make_plan(TIMM, TINY)
    tensors = plan.to_theirs(random_params(TINY))
    del tensors["blocks.1.mlp.fc2.bias"]
    tensors["blocks.0.ls1.gamma"] = tensors["blocks.1.ls1.gamma"] = np.ones(16)
    tensors["pos_embed"] = np.ones((1, 17, 16))
    with pytest.raises(ConversionError) as caught:
        plan.to_ours(tensors)
    assert str(caught.value) == (
        "the weights do not fit the timm layout of this model:\n"
        "  missing  blocks.1.mlp.fc2.bias\n"
        "  unused   blocks.{0..1}.ls1.gamma\n"
        "  shape    pos_embed: file (1, 17, 16), model (1, 5, 16)"
    )
    assert len(caught.value.faults) == 4


def test_whole_blocks_fold_into_one_line():
    deep = make_plan(TIMM, TINY.replace(depth=24)).to_theirs(
        random_params(TINY.replace(depth=24))
    )
    with pytest.raises(ConversionError) as caught:
        make_plan(TIMM, TINY.replace(depth=12)).to_ours(deep)
    assert str(caught.value).splitlines()[1:] == [
        "  unused   blocks.{12..23}.* (12 tensors each)"
    ]
    assert len(caught.value.faults) == 144


def test_blocks_that_are_no_run_are_listed():
    faults = [Fault("missing", f"blocks.{i}.norm1.bias") for i in (0, 2, 5)]
    assert fold(faults) == ["  missing  blocks.{0,2,5}.norm1.bias"]
