import dataclasses

import numpy as np
import pytest

from tests.models import TINY, random_params
from vit_jax.presets import PRESETS
from vit_jax.weights.faults import ConversionError, Fault, fold
from vit_jax.weights.layouts.timm import TIMM
from vit_jax.weights.mapping import Rule, make_plan

CONFIGS = {
    "plain": TINY,
    "distilled, scaled": TINY.replace(distill_token=True, layer_scale=0.1),
    "patches only, no bias": TINY.replace(position_on_prefix=False, qkv_bias=False),
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
    shallow = {preset.config.replace(depth=2) for preset in PRESETS.values()}
    for config in shallow:
        assert make_plan(TIMM, config).moves


def test_a_table_that_leaves_a_parameter_empty_is_a_fault_of_the_table():
    broken = dataclasses.replace(TIMM, rules=TIMM.rules[1:])
    with pytest.raises(AssertionError, match=r"does not fill once each.*cls_token.: 0"):
        make_plan(broken, TINY)


def test_a_table_that_fills_a_parameter_twice_is_a_fault_of_the_table():
    twice = (*TIMM.rules, Rule("again", "norm.scale"))
    with pytest.raises(AssertionError, match=r"norm.scale.: 2"):
        make_plan(dataclasses.replace(TIMM, rules=twice), TINY)


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
