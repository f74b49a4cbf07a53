"""Splits by the words that people name files and folders with."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from vit_jax.errors import InputError, near

WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "val", "valid", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
SHARD = re.compile(r"(\w+?)[-_]\d+-of-\d+")


def choose_split(split: str, found: Collection[str], where: Path | str) -> str:
    """Returns which of the splits found is meant: `val` finds `validation`.

    Raises:
      InputError: there is no such split.
    """
    for name in found:
        if name == split or WORDS.get(name, name) == WORDS.get(split, split):
            return name
    raise InputError(
        f"{where} has no split {split!r}.{near(split, found)} It has:"
        f" {', '.join(found)}."
    )


def group_by_split(files: Iterable[Path], root: Path) -> dict[str, list[Path]]:
    """Returns the files of each split, by the words in their paths below a root.

    Files whose paths tell no split are of `train`.
    """
    groups: dict[str, list[Path]] = {}
    for path in sorted(files):
        groups.setdefault(_split_of(path.relative_to(root)), []).append(path)
    order = {name: i for i, name in enumerate(dict.fromkeys(WORDS.values()))}
    return {
        k: groups[k] for k in sorted(groups, key=lambda k: order.get(k, len(order)))
    }


def _split_of(path: Path) -> str:
    """Returns the split that a path tells, its last word first."""
    words = re.findall(r"[a-z]+", str(path.with_suffix("")).lower())
    told = [WORDS[word] for word in words if word in WORDS]
    if told:
        return told[-1]
    shard = SHARD.match(path.name)  # as Hugging Face names any other split
    return shard[1] if shard and shard[1] != "data" else "train"
