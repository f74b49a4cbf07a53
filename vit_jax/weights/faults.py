"""Faults of a conversion, gathered, folded by block and told once."""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from vit_jax.errors import InputError

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Fault:
    """One tensor that does not fit."""

    kind: Literal["missing", "unused", "shape", "homeless", "other"]
    key: str
    detail: str = ""


class ConversionError(InputError):
    """Weights that do not fit a model; `faults` lists every tensor."""

    def __init__(self, what: str, faults: Sequence[Fault], mend: str = ""):
        lines = [f"{what}:", *fold(faults), *([mend] if mend else [])]
        super().__init__("\n".join(lines))
        self.what = what
        self.faults = list(faults)


def compare_shapes(
    found: Mapping[str, Shape], wanted: Mapping[str, Shape]
) -> list[Fault]:
    """Returns what keeps tensors of a file from being those that a model wants."""
    return [
        *(Fault("missing", key) for key in wanted if key not in found),
        *(Fault("unused", key) for key in found if key not in wanted),
        *(
            Fault("shape", key, f"file {found[key]}, model {wanted[key]}")
            for key in wanted
            if key in found and found[key] != wanted[key]
        ),
    ]


def fold(faults: Iterable[Fault]) -> list[str]:
    """Returns one line for each kind of fault; the same fault of many blocks is one.

    `blocks.{0..11}.ls1.gamma` stands for twelve keys, `blocks.{12..23}.* (12 each)`
    for whole blocks.
    """
    blocks: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for fault in faults:
        head, index, tail = _split_at_index(fault.key)
        blocks[fault.kind, head, tail, fault.detail].append(index)
    alike: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for (kind, head, tail, detail), indices in blocks.items():
        alike[kind, head, _span(indices), detail].append(tail)
    lines: list[str] = []
    for (kind, head, span, detail), tails in alike.items():
        if span and len(tails) > 3:
            tails = [f".* ({len(tails)} tensors each)"]
        for tail in tails:
            told = f": {detail}" if detail else ""
            lines.append(f"  {kind:<8} {head}{span}{tail}{told}")
    return lines


def _split_at_index(key: str) -> tuple[str, int, str]:
    """Returns ("blocks.", 3, ".norm1.weight"); -1 where there is no index."""
    match = re.search(r"[._](\d+)(?=[./])", key)
    if not match:
        return key, -1, ""
    return key[: match.start(1)], int(match[1]), key[match.end(1) :]


def _span(indices: list[int]) -> str:
    """Returns "3", "{0..11}" or "{0,2,5}"; "" where there is no index."""
    first, last = min(indices), max(indices)
    if last < 0:
        return ""
    if first == last:
        return str(first)
    if len(indices) == last - first + 1:
        return f"{{{first}..{last}}}"
    return "{" + ",".join(map(str, sorted(indices))) + "}"
