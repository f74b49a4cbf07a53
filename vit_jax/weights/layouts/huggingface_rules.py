"""What the tables of Hugging Face's models share.

Version 5 of transformers renamed modules. Its files still have the names of version 4;
`state_dict()` has the new ones, and so has what torch.save wrote of it.

Source: transformers/conversion_mapping.py (transformers 5.23).
"""

import dataclasses
from typing import Any

from vit_jax.weights.layout import Layout, Rule, renamed

CONV = "o channels rows columns -> (rows columns channels) o"
# Of a convolution's output as a stage.
FLATTEN = "b d r c -> b (r c) d"

# Choices that transformers has for none of these models, or has no other for.
FIXED: dict[str, Any] = {
    "block": "pre",
    "attn_scale": None,
    "attend_over": "tokens",
    "position_on": "all",
    "rope": "none",
}

Names = dict[str, str]
EVERYWHERE = ("", "")


def linear(names: Names, *, within: tuple[str, str] = EVERYWHERE) -> tuple[Rule, ...]:
    """Returns the rules of linear layers: their name to ours, after two prefixes."""
    kinds = (("weight", "kernel", "o i -> i o"), ("bias", "bias", "... -> ..."))
    return tuple(
        Rule(f"{within[0]}{theirs}.{kind}", f"{within[1]}{ours}.{our_kind}", pattern)
        for theirs, ours in names.items()
        for kind, our_kind, pattern in kinds
    )


def norm(names: Names, *, within: tuple[str, str] = EVERYWHERE) -> tuple[Rule, ...]:
    """Returns the rules of layer norms: their name to ours, after two prefixes."""
    return tuple(
        Rule(f"{within[0]}{theirs}.{kind}", f"{within[1]}{ours}.{our_kind}")
        for theirs, ours in names.items()
        for kind, our_kind in (("weight", "scale"), ("bias", "bias"))
    )


def fused(
    theirs: str, names: tuple[str, ...], *, within: tuple[str, str] = EVERYWHERE
) -> tuple[Rule, ...]:
    """Returns the rules of linear layers that stand one after another in one tensor.

    Args:
      theirs: their name, with what is between it and `weight` or `bias`.
      names: ours.
    """
    kinds = (("weight", "kernel", "cat i -> i cat"), ("bias", "bias", "cat -> cat"))
    return tuple(
        Rule(
            f"{within[0]}{theirs}{kind}",
            tuple(f"{within[1]}{ours}.{our_kind}" for ours in names),
            pattern,
        )
        for kind, our_kind, pattern in kinds
    )


def respelled(layout: Layout, *pairs: tuple[str, str]) -> Layout:
    """Returns a layout's twin of version 5, with parts of its names replaced."""
    return dataclasses.replace(
        layout,
        name=f"{layout.name}_v5",
        title=f"{layout.title}, as version 5 names it",
        rules=renamed(layout.rules, *pairs),
        extras=renamed(layout.extras, *pairs),
        stages=renamed(layout.stages, *pairs),
    )
