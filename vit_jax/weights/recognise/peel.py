"""The dict of weights in what a file held, out of its wrappers and prefixes."""

import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vit_jax.errors import InputError, InputWarning, near

Tensors = dict[str, NDArray[Any]]

# Training files wrap the weights; the first key that is there is opened.
WRAPPERS = (
    "state_dict",
    "model",
    "module",
    "teacher",
    "model_ema",
    "state_dict_ema",
    "ema",
    "target_encoder",
    "encoder",
    "params",
    "student",
)
# Data-parallel, compiled and enclosing modules put a word before each key.
PREFIXES = (
    "module.",
    "_orig_mod.",
    "backbone.",
    "teacher.backbone.",
    "student.backbone.",
    "teacher.",
    "encoder.",
    "model.",
    "visual.trunk.",
    "trunk.",
    "base_model.",
    "params.",
)


def peel(tree: Any, where: str, *, entry: str | None = None) -> Tensors:
    """Returns the tensors by key in what a file held, out of its wrappers.

    Args:
      entry: the wrapper to open where a file has several, such as model_ema.

    Raises:
      InputError: there is no dict of tensors in it, or no such entry.
    """
    wrapped = list_entries(tree)
    if entry is not None:
        if entry not in wrapped:
            told = f" It holds {', '.join(wrapped)}." if wrapped else ""
            raise InputError(
                f"{where} has no entry {entry!r}.{near(entry, wrapped)}{told}"
            )
        tree = tree[entry]
    while wrapped := list_entries(tree):
        if wrapped[1:]:
            warnings.warn(
                f"{where} holds {' and '.join(wrapped)}: {wrapped[0]} is taken; give"
                f" entry={wrapped[1]!r} (--entry {wrapped[1]}) for another.",
                InputWarning,
                stacklevel=2,
            )
        tree = tree[wrapped[0]]
    found: Mapping[Any, Any] = {}
    if isinstance(tree, Mapping):
        found = cast(Mapping[Any, Any], tree)
    tensors: Tensors = {
        key: value
        for key, value in found.items()
        if isinstance(key, str) and isinstance(value, np.ndarray)
    }
    if not tensors:
        raise InputError(
            f"{where} holds no dict of tensors: save a module's state_dict() with"
            " torch.save, alone or under one of " + ", ".join(WRAPPERS) + "."
        )
    return tensors


def list_entries(tree: Any) -> list[str]:
    """Returns the wrappers of weights that a tree has, the likeliest first."""
    if not isinstance(tree, Mapping):
        return []
    tree = cast(Mapping[Any, Any], tree)
    return [key for key in WRAPPERS if isinstance(tree.get(key), Mapping)]


def spellings(tensors: Tensors) -> Iterator[tuple[str, Tensors]]:
    """Yields the tensors under the names that they may have been meant to have.

    The names as they are come first; then prefixes are taken from them, one after
    another, and the chunk's index from chunked blocks (DINOv2 in training). Keys
    without the prefix stay as they are.
    """
    queue = [("", tensors)]
    seen = {frozenset(tensors)}
    while queue:
        prefix, names = queue.pop(0)
        yield prefix, names
        others = [(word, _strip(names, word)) for word in PREFIXES]
        for word, stripped in [*others, ("blocks.#.", _unchunk(names))]:
            if stripped is not None and frozenset(stripped) not in seen:
                seen.add(frozenset(stripped))
                queue.append((prefix + word, stripped))


def _strip(tensors: Tensors, prefix: str) -> Tensors | None:
    if not any(key.startswith(prefix) for key in tensors):
        return None
    stripped = {key.removeprefix(prefix): tensors[key] for key in tensors}
    return stripped if len(stripped) == len(tensors) else None


def _unchunk(tensors: Tensors) -> Tensors | None:
    """Returns `blocks.1.7.norm1.weight` as `blocks.7.norm1.weight`."""
    if not any(re.match(r"blocks\.\d+\.\d+\.", key) for key in tensors):
        return None
    plain = {
        re.sub(r"^blocks\.\d+\.(\d+\.)", r"blocks.\1", key): tensors[key]
        for key in tensors
    }
    return plain if len(plain) == len(tensors) else None
