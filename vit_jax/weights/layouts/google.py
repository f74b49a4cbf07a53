"""Google's .npz files: vision_transformer's, released and of flax linen; big_vision's.

Kernels are (in, out) as ours, and q, k and v have an axis of heads. Source:
google-research/vision_transformer, vit_jax/models_vit.py; google-research/big_vision,
big_vision/models/vit.py and models/proj/image_text/two_towers.py.
"""

from typing import Any

from vit_jax.weights.layout import Extra, Layout, Rule, prefixed, renamed

SAME = "... -> ..."
BLOCK = "Transformer/encoderblock_{i}"


def _attention(theirs: str, ours: str, heads: str) -> tuple[Rule, ...]:
    """Returns the rules of an attention, whose heads are a word of patterns."""
    return (
        *(
            Rule(f"{theirs}/{name}/{kind}", f"{ours}.{name[0]}.{kind}", pattern)
            for name in ("query", "key", "value")
            for kind, pattern in (
                ("kernel", f"i {heads} e -> i ({heads} e)"),
                ("bias", f"{heads} e -> ({heads} e)"),
            )
        ),
        Rule(
            f"{theirs}/out/kernel",
            f"{ours}.proj.kernel",
            f"{heads} e o -> ({heads} e) o",
        ),
        Rule(f"{theirs}/out/bias", f"{ours}.proj.bias"),
    )


def _same(pairs: dict[str, str], kinds: tuple[str, str]) -> tuple[Rule, ...]:
    """Returns the rules of layers whose arrays are as ours: their name to ours."""
    return tuple(
        Rule(f"{theirs}/{kind}", f"{ours}.{kind}")
        for theirs, ours in pairs.items()
        for kind in kinds
    )


def _mlp(theirs: str, ours: str) -> tuple[Rule, ...]:
    pairs = {f"{theirs}/Dense_0": f"{ours}.fc1", f"{theirs}/Dense_1": f"{ours}.fc2"}
    return _same(pairs, ("kernel", "bias"))


ATTENTION = _attention(
    f"{BLOCK}/MultiHeadDotProductAttention_0", "blocks.{i}.attn", "heads"
)
MLP = _mlp(f"{BLOCK}/MlpBlock_0", "blocks.{i}.mlp")
NORMS = _same(
    {
        f"{BLOCK}/LayerNorm_0": "blocks.{i}.norm1",
        f"{BLOCK}/LayerNorm_1": "blocks.{i}.norm2",
    },
    ("scale", "bias"),
)
BLOCKS = (*ATTENTION, *MLP, *NORMS)
OTHERS = (
    Rule("cls", "embed.cls_token"),
    Rule(
        "embedding/kernel",
        "embed.proj.kernel",
        "rows columns channels o -> (rows columns channels) o",
    ),
    Rule("embedding/bias", "embed.proj.bias"),
    *_same({"Transformer/encoder_norm": "norm"}, ("scale", "bias")),
    *_same({"pre_logits": "pre_logits", "head": "head"}, ("kernel", "bias")),
)
PROBE = (
    Rule("MAPHead_0/probe", "pool.attn.latent"),
    *_attention("MAPHead_0/MultiHeadDotProductAttention_0", "pool.attn", "pool_heads"),
    *_same({"MAPHead_0/LayerNorm_0": "pool.attn.norm"}, ("scale", "bias")),
    *_mlp("MAPHead_0/MlpBlock_0", "pool.attn.mlp"),
)
POSITIONS = Rule("pos_embedding", "embed.pos_embed")

# Before linen a block's submodules were counted together, whatever their class.
RELEASED = renamed(
    BLOCKS,
    ("/MultiHeadDotProductAttention_0", "/MultiHeadDotProductAttention_1"),
    ("/LayerNorm_1", "/LayerNorm_2"),
    ("/MlpBlock_0", "/MlpBlock_3"),
)


def _stacked(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Returns blocks whose arrays are one, a slice a block, as scanned ones are."""

    def stack(rule: Rule) -> Rule:
        pattern = rule.pattern
        if pattern == SAME:
            axes = "i o" if rule.theirs.endswith("kernel") else "d"
            pattern = f"{axes} -> {axes}"
        name = rule.theirs.replace("encoderblock_{i}", "encoderblock")
        return Rule(name, rule.ours, f"cat {pattern}")

    return tuple(map(stack, rules))


FIXED: dict[str, Any] = {
    "norm_eps": 1e-6,
    "activation": "gelu_tanh",
    "attn_scale": None,
}


def _pool(told: dict[str, Any]) -> str:
    return told.get("pool") or ("cls" if told["class_token"] == "first" else "mean")


def _vit(name: str, title: str, blocks: tuple[Rule, ...], prefix: str) -> Layout:
    """Returns a layout of vision_transformer: a token is among the positions."""
    positions = Rule("Transformer/posembed_input/pos_embedding", "embed.pos_embed")
    return Layout(
        name=name,
        title=title,
        rules=prefixed(prefix, (positions, *blocks, *OTHERS)),
        extras=tuple(map(Extra, ("opt/state/*", "opt/target/step", "step", "epoch"))),
        fixed={**FIXED, "position_on": "all"},
        usual={"pool": _pool},
    )


def _big(
    name: str,
    prefix: str,
    *,
    stacked: bool = False,
    old: tuple[tuple[str, str], ...] = (),
) -> Layout:
    """Returns a layout of big_vision: positions are of the patches alone."""
    blocks = _stacked(BLOCKS) if stacked else BLOCKS
    return Layout(
        name=name,
        title="big_vision's files" + (" of scanned blocks" if stacked else ""),
        rules=prefixed(prefix, renamed((POSITIONS, *blocks, *OTHERS, *PROBE), *old)),
        extras=tuple(
            Extra(f"{prefix.removesuffix('img/')}{key}") for key in ("txt/*", "t", "b")
        ),
        fixed={**FIXED, "position_on": "patches", "pool": _pool},
        usual={"position": "sincos2d_moco"},
    )


GOOGLE = (
    _vit("google_vit", "vision_transformer's released files", RELEASED, ""),
    _vit("google_vit_opt", "vision_transformer's files", RELEASED, "opt/target/"),
    _vit("google_vit_linen", "vision_transformer's files of linen", BLOCKS, ""),
    *(
        _big(f"big_vision{name}{'_scan' if stacked else ''}", prefix, stacked=stacked)
        for name, prefix in (("", ""), ("_params", "params/"), ("_img", "params/img/"))
        for stacked in (False, True)
    ),
    _big("big_vision_2021", "", old=(("pos_embedding", "Transformer/pos_embedding"),)),
    _big("big_vision_probe", "", old=(("MAPHead_0/", ""),)),
    _big(
        "big_vision_probe_2021",
        "",
        old=(("MAPHead_0/", ""), ("pos_embedding", "Transformer/pos_embedding")),
    ),
)
