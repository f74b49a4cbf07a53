"""Our DINO, MAE, DINOv2 and DINOv3 are the published ones, as timm reads them."""

import functools
import warnings

import numpy as np
import pytest
import torch
from timm.models import eva, vision_transformer
from timm.models.vision_transformer import VisionTransformer

from tests.parity.originals.compare import assert_close, images
from tests.parity.originals.table import ORIGINALS
from tests.parity.references import TINY, randomise, run


def expand(pattern: str) -> set[str]:
    """Returns words, each {a,b} in them being a or b: "x.{a,b}" is x.a and x.b."""
    found = set()
    for word in pattern.split():
        before, brace, rest = word.partition("{")
        inside, _, after = rest.partition("}")
        choices = [before + part + after for part in inside.split(",")]
        found |= expand(" ".join(choices)) if brace else {word}
    return found


NORMS = "norm{1,2}.{weight,bias} "
ATTN = "attn.{qkv,proj}.{weight,bias} "
FC = "mlp.fc{1,2}.{weight,bias} "
TOKENS = "cls_token pos_embed patch_embed.proj.{weight,bias} norm.{weight,bias} "
SCALES = "ls{1,2}.gamma "
V3_BLOCK = NORMS + ATTN + SCALES + "attn.qkv.bias_mask "
V3_REST = (
    TOKENS.replace("pos_embed", "mask_token") + "storage_tokens rope_embed.periods "
)
W123 = "mlp.w{1,2,3}.{weight,bias} "

# What stands outside blocks, what each block has, and where blocks 0 and 1 are.
EXPECTED = {
    "dino": (TOKENS, NORMS + ATTN + FC, "blocks.{0,1}."),
    "dinov2": (TOKENS + "mask_token", NORMS + ATTN + FC + SCALES, "blocks.{0,1}."),
    "dinov2_registers": (
        TOKENS + "mask_token register_tokens",
        NORMS + ATTN + FC + SCALES,
        "blocks.{0,1}.",
    ),
    "dinov2_giant": (
        TOKENS + "mask_token",
        NORMS + ATTN + SCALES + "mlp.w{12,3}.{weight,bias}",
        "blocks.{0,1}.",
    ),
    "dinov2_one_chunk": (
        TOKENS + "mask_token",
        NORMS + ATTN + FC + SCALES,
        "blocks.0.{0,1}.",
    ),
    "dinov2_two_chunks": (
        TOKENS + "mask_token register_tokens",
        NORMS + ATTN + FC + SCALES,
        "blocks.{0.0,1.1}.",
    ),
    "dinov3": (V3_REST, V3_BLOCK + FC, "blocks.{0,1}."),
    "dinov3_plus": (V3_REST, V3_BLOCK + W123, "blocks.{0,1}."),
    "dinov3_satellite": (
        V3_REST + "local_cls_norm.{weight,bias}",
        V3_BLOCK + FC,
        "blocks.{0,1}.",
    ),
    "dinov3_7b": (
        V3_REST + "local_cls_norm.{weight,bias}",
        NORMS + "attn.qkv.weight attn.proj.{weight,bias} " + SCALES + W123,
        "blocks.{0,1}.",
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_metas_files_have_these_keys(name):
    rest, block, where = EXPECTED[name]
    wanted = expand(rest)
    for place in expand(where):
        wanted |= {place + key for key in expand(block)}
    assert ORIGINALS[name].build().state_dict().keys() == wanted


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("dino", {"num_classes": 0}),
        ("mae_mean", {"global_pool": "avg"}),
        ("mae_token", {}),
    ],
)
def test_timms_names_give_timms_numbers(name, told):
    module = randomise(ORIGINALS[name].build(), seed=1)
    theirs = VisionTransformer(**{**TINY, **told}).eval()
    theirs.load_state_dict(module.state_dict())
    assert_close(run(module, images()), run(theirs, images()))


def test_mae_unmasked_is_timms_encoder():
    module = randomise(ORIGINALS["mae"].build(), seed=1)
    theirs = VisionTransformer(**{**TINY, "num_classes": 0, "global_pool": ""}).eval()
    state = module.state_dict()
    own = {k for k in state if k.startswith("decoder_") or k == "mask_token"}
    assert {k.split(".")[0] for k in own} == expand(
        "mask_token decoder_{embed,blocks,norm,pred,pos_embed}"
    )
    theirs.load_state_dict({k: state[k] for k in state if k not in own})
    assert_close(run(module, images()), run(theirs, images()))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("dinov2", {}),
        ("dinov2_registers", {"reg_tokens": 4, "no_embed_class": True}),
        (
            "dinov2_giant",
            {
                "mlp_layer": vision_transformer.SwiGLUPacked,
                "act_layer": torch.nn.SiLU,
                "mlp_ratio": 256 / 48,
            },
        ),
    ],
)
def test_dinov2_is_what_timm_reads(name, told):
    module = randomise(ORIGINALS[name].build(), seed=1)
    told = {**TINY, "num_classes": 0, "init_values": 1e-5, **told}
    theirs = VisionTransformer(**told).eval()
    state = vision_transformer.checkpoint_filter_fn(module.state_dict(), theirs)
    theirs.load_state_dict(state)
    assert_close(run(module, images()), run(theirs, images()))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("dinov3", {"qkv_bias": True}),
        ("dinov3_satellite", {"qkv_bias": True}),
        ("dinov3_plus", {"qkv_bias": True, "swiglu_mlp": True, "mlp_ratio": 4}),
        ("dinov3_7b", {"qkv_bias": False, "swiglu_mlp": True, "mlp_ratio": 128 / 48}),
    ],
)
def test_dinov3_is_what_timm_reads(name, told):
    module = randomise(ORIGINALS[name].build(), seed=1)
    theirs = eva.Eva(
        **{**TINY, "num_classes": 0, **told},
        global_pool="token",
        init_values=1e-5,
        rope_type="dinov3",
        rope_temperature=100,
        rope_rotate_half=True,
        use_rot_pos_emb=True,
        use_abs_pos_emb=False,
        num_reg_tokens=4,
        use_fc_norm=False,
        norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-5),
        **({"swiglu_align_to": 8} if told.get("swiglu_mlp") else {}),
    ).eval()
    state = eva.checkpoint_filter_fn(module.state_dict(), theirs)
    theirs.load_state_dict(state)
    assert_close(run(module, images()), run(theirs, images()))


def test_dinov3s_bfloat16_periods_are_not_the_float32_ones():
    periods, rounded = (
        ORIGINALS[name].build().state_dict()["rope_embed.periods"].numpy()
        for name in ("dinov3", "dinov3_bf16_periods")
    )
    np.testing.assert_allclose(periods, 100 ** (np.arange(4) / 4), rtol=1e-6)
    # bfloat16 has 8 bits: up to 2e-3 each for the exponent and the power.
    assert 1e-4 < np.abs(rounded / periods - 1).max() < 2e-2


def test_chunks_change_no_number():
    none, one, two = (ORIGINALS["dinov2"].build(block_chunks=n) for n in (0, 1, 2))
    state = randomise(none, seed=1).state_dict()
    one.load_state_dict({k.replace("blocks.", "blocks.0."): state[k] for k in state})
    # The first block's own number is its chunk's too.
    both = (("blocks.0.", "blocks.0.0."), ("blocks.1.", "blocks.1.1."))
    for old, new in both:
        state = {k.replace(old, new): v for k, v in state.items()}
    two.load_state_dict(state)
    np.testing.assert_array_equal(run(none, images()), run(one, images()))
    np.testing.assert_array_equal(run(none, images()), run(two, images()))


def test_dinos_head_is_torchs_weight_norm():
    module = randomise(ORIGINALS["dino_teacher"].build(), seed=1)
    layer = module.head.last_layer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = torch.nn.utils.weight_norm(torch.nn.Linear(16, 64, bias=False))
    theirs.load_state_dict(layer.state_dict())
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 16), np.float32))
    assert_close(layer(x).detach().numpy(), theirs(x).detach().numpy())
