"""Weights in several files, and the .index.json that says which tensor is where."""

import json
import re
from pathlib import Path
from typing import Any, cast

from vit_jax.weights.formats.damage import Damage

INDEX = ".index.json"
MAX_SIZE = 2**26
KEYS = "weight_map"
# Neither a path nor a folder.
SHARD = re.compile(r"(?=.*[^.])[\w.+ -]{1,200}", re.ASCII)


def read_index(path: Path) -> dict[Path, list[str]]:
    """Returns the shards that an index names, each with the keys that are in it.

    Raises:
      Damage: it is no index, or a shard is missing or lies somewhere else.
    """
    if path.stat().st_size > MAX_SIZE:
        raise Damage(f"it has over {MAX_SIZE} bytes, which is no index of tensors")
    try:
        index: Any = json.loads(path.read_bytes().decode())
    # RecursionError: of a million brackets.
    except (ValueError, RecursionError) as error:
        raise Damage(f"it is no JSON ({error})") from error
    found = cast(Any, index).get(KEYS) if isinstance(index, dict) else None
    if not isinstance(found, dict) or not found:
        raise Damage(f"it has no {KEYS}, in which each key has a file")
    shards: dict[Path, list[str]] = {}
    for key, name in cast(dict[str, Any], found).items():
        shards.setdefault(_find_shard(path, key, name), []).append(key)
    return shards


def _find_shard(index: Path, key: str, name: Any) -> Path:
    """Returns the file of a shard, which lies beside the index."""
    if not isinstance(name, str) or not SHARD.fullmatch(name):
        raise Damage(
            f"{key} is in {name!r}, which is no name of a file beside it",
            "Fetch the folder again from where it was published.",
        )
    shard = index.parent / name
    if not shard.is_file():
        raise Damage(f"its shard {name} is missing", f"Put it into {index.parent}.")
    # In the cache of Hugging Face index and shards are links into one other folder.
    homes = (index.parent.resolve(), index.resolve().parent)
    if shard.resolve().parent not in homes:
        raise Damage(
            f"its shard {name} is a link to another folder",
            f"Put the file itself into {index.parent}.",
        )
    return shard
