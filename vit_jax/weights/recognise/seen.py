"""A file's shapes seen through a layout: which of our parameters it holds."""

import functools
import math
import re
from collections.abc import Mapping

from vit_jax.weights.layout import CAT, Layout, Rule

Shape = tuple[int, ...]


class Seen:
    """Our parameters in a file of a layout, as far as keys and shapes tell.

    Names have `{i}` for a block, and are of the first block.
    """

    def __init__(self, layout: Layout, shapes: Mapping[str, Shape]):
        self.layout, self.shapes = layout, shapes

    def has(self, name: str) -> bool:
        """Returns whether the file holds a parameter of ours, and not an empty one."""
        return 0 not in (self.shape(name) or (0,))

    def axes(self, name: str) -> dict[str, int]:
        """Returns the axes of the tensor that holds a parameter, by their letters."""
        rule = self._find(name)
        if rule is None or "..." in rule.pattern:
            return {}
        theirs = _split(rule.pattern.split("->")[0])
        return dict(zip(theirs, self._theirs(rule), strict=True))

    def shape(self, name: str) -> Shape | None:
        """Returns a parameter's shape; None where the file lacks it.

        Parameters that are fused in one tensor are taken to be of equal size.
        """
        rule = self._find(name)
        if rule is None:
            return None
        if "..." in rule.pattern:
            return self._theirs(rule)
        axes = self.axes(name)
        if CAT in axes:
            axes[CAT] //= len(rule.names)

        def size(word: str) -> int:
            known = axes.get(word)
            return known or math.prod(axes.get(part, 1) for part in word.split())

        return tuple(size(word) for word in _split(rule.pattern.split("->")[1]))

    @property
    def depth(self) -> int:
        """Number of blocks: the highest index, or the slices of a stacked tensor."""
        indices = [0]
        for pattern in _block_patterns(self.layout):
            found = (pattern.fullmatch(key) for key in self.shapes)
            indices += [1 + int(match[1]) for match in found if match]
        for rule in self.layout.rules:
            if rule.theirs in self.shapes and _is_stacked(rule):
                place = _split(rule.pattern.split("->")[0]).index(CAT)
                indices.append(self.shapes[rule.theirs][place] // len(rule.names))
        return max(indices)

    def _find(self, name: str) -> Rule | None:
        """Returns the rule by which the file holds a parameter."""
        for rule in self.layout.rules:
            if name in rule.names and _first(rule) in self.shapes:
                shape, pattern = self._theirs(rule), rule.pattern.split("->")[0]
                if "..." in pattern or len(_split(pattern)) == len(shape):
                    return rule
        return None

    def _theirs(self, rule: Rule) -> Shape:
        return self.shapes[_first(rule)]


def _first(rule: Rule) -> str:
    """Returns a rule's key in the first block."""
    return rule.theirs.replace("{i}", "0")


def _is_stacked(rule: Rule) -> bool:
    """Returns whether one tensor of theirs holds a parameter of every block."""
    return "{i}" not in rule.theirs and "{i}" in rule.names[0] and CAT in rule.pattern


def _split(side: str) -> list[str]:
    """Returns the axes of one side of a pattern; a group's letters are one word."""
    return [word.strip("()") for word in re.findall(r"\([^)]*\)|\S+", side)]


@functools.cache
def _block_patterns(layout: Layout) -> list[re.Pattern[str]]:
    """Returns what the keys of a block match, with its index as the first group."""
    names = {rule.theirs for rule in layout.rules if "{i}" in rule.theirs}
    return [
        re.compile(re.escape(name).replace(r"\{i\}", r"(\d+)", 1)) for name in names
    ]
