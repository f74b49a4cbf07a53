"""Hugging Face's Flax models, which transformers 4 wrote as flax_model.msgpack.

Their names are the torch ones, with flax's words for a layer's arrays: kernel (inputs
first), scale, embedding.

Source: transformers/models/{vit,beit,dinov2,clip}/modeling_flax_*.py (transformers
4.57); transformers 5 has no flax.
"""

import dataclasses

from vit_jax.weights.layout import Extra, Layout, Rule
from vit_jax.weights.layouts.huggingface_clip import HUGGINGFACE_CLIP
from vit_jax.weights.layouts.huggingface_dino import HUGGINGFACE_DINO
from vit_jax.weights.layouts.huggingface_rules import CONV
from vit_jax.weights.layouts.huggingface_vit import HUGGINGFACE_VIT

# Ours to flax's, which is how flax's files come in too.
WORDS = {"kernel": "kernel", "scale": "scale", "pos_embed": "embedding"}
PATTERNS = {
    "o i -> i o": "... -> ...",
    CONV: "rows columns channels o -> (rows columns channels) o",
}
NAMES = (
    "hf_vit",
    "hf_vit_classifier",
    "hf_beit",
    "hf_beit_classifier",
    "hf_dinov2",
    "hf_dinov2_classifier",
    "hf_clip_vision",
    "hf_clip_projection",
    "hf_clip",
)


def _rule(rule: Rule) -> Rule:
    theirs = rule.theirs
    if theirs.endswith(".weight"):
        word = WORDS[rule.names[0].rpartition(".")[2]]
        theirs = f"{theirs.removesuffix('.weight')}.{word}"
    return Rule(theirs, rule.ours, PATTERNS.get(rule.pattern, rule.pattern))


def _extra(extra: Extra) -> Extra:
    theirs = extra.theirs
    if theirs.endswith("projection.weight"):
        theirs = theirs.replace(".weight", ".kernel")
    return dataclasses.replace(extra, theirs=theirs)


def _flax(layout: Layout) -> Layout:
    """Returns the layout of a torch one's twin."""
    return dataclasses.replace(
        layout,
        name=layout.name.replace("hf_", "hf_flax_", 1),
        title=layout.title.replace("Hugging Face's", "Hugging Face's Flax"),
        rules=tuple(map(_rule, layout.rules)),
        extras=tuple(map(_extra, layout.extras)),
        stages=(),
    )


HUGGINGFACE_FLAX = tuple(
    _flax(layout)
    for layout in (*HUGGINGFACE_VIT, *HUGGINGFACE_DINO, *HUGGINGFACE_CLIP)
    if layout.name in NAMES
)
