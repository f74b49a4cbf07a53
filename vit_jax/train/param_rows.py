"""What holds for which parameter: rows of patterns, layers, what is frozen."""

import re
from collections.abc import Iterable, Sequence

from vit_jax.errors import InputError


def match_rows(
    rows: Sequence[tuple[str, float]], names: Iterable[str], *, field: str
) -> dict[str, float]:
    """Returns each name's value: that of the first row whose pattern is found in it.

    Raises:
      InputError: a name that no row matches, a row that matches no name, or a pattern
        that is no regular expression.
    """
    names = list(names)
    patterns = [(_compile(pattern, field), value) for pattern, value in rows]
    values: dict[str, float] = {}
    used: set[str] = set()
    for name in names:
        found = next(((p, v) for p, v in patterns if p.search(name)), None)
        if found is None:
            raise InputError(
                f"{field}: no row matches the parameter {name}. Add a last row"
                " ('.*', value) for all that is left."
            )
        values[name] = found[1]
        used.add(found[0].pattern)
    for pattern, _ in rows:
        if pattern not in used:
            raise InputError(
                f"{field}: the row {pattern!r} matches no parameter that a row before"
                f" it does not. The parameters: {', '.join(names[:3])}, ... Mend the"
                " pattern, its place, or leave the row out."
            )
    return values


def find_trained(freeze: Sequence[str], names: Iterable[str]) -> list[str]:
    """Returns the names in which no pattern is found, in their order.

    Raises:
      InputError: a pattern is found in no name or is no regular expression, or nothing
        is left.
    """
    names = list(names)
    patterns = [_compile(pattern, "optim.freeze") for pattern in freeze]
    for pattern in patterns:
        if not any(map(pattern.search, names)):
            raise InputError(
                f"optim.freeze: {pattern.pattern!r} matches no parameter. The"
                f" parameters: {', '.join(names[:3])}, ... Mend the pattern or leave it"
                " out."
            )
    trained = [name for name in names if not any(p.search(name) for p in patterns)]
    if not trained:
        raise InputError(
            f"optim.freeze={tuple(freeze)} matches every parameter: nothing is left to"
            " train. A pattern is found anywhere in a name; '^embed' begins it."
        )
    return trained


def find_layer_rates(decay: float, names: Iterable[str]) -> dict[str, float]:
    """Returns decay ** (layers above) for each name.

    What embeds is layer 0, block i is layer i + 1, and all behind the blocks (norm,
    pool, head) the last, whose factor is 1. timm counts the norm to the last block.

    Source: BEiT's and MAE's fine-tuning (arXiv:2106.08254, arXiv:2111.06377).
    """
    names = list(names)
    blocks = {name: int(name.split(".")[1]) for name in names if _is_block(name)}
    last = max(blocks.values(), default=-1) + 2

    def layer(name: str) -> int:
        if name.startswith("embed."):
            return 0
        return blocks[name] + 1 if name in blocks else last

    return {name: decay ** (last - layer(name)) for name in names}


def _is_block(name: str) -> bool:
    return name.startswith("blocks.")


def _compile(pattern: str, field: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"{field}: {pattern!r} is no regular expression ({error})."
        ) from error
