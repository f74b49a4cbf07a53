"""Where each image lies in tar shards, found once and kept in a file.

Axes: n images.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import re
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from tqdm import tqdm

from vit_jax.data.sources.splits import group_by_split
from vit_jax.data.sources.walk import is_image
from vit_jax.errors import InputError

CACHE = ".vit_jax_index.npz"
AGAIN = "fetch it again; what is compressed (.tar.gz) unpack with gunzip."
LABELS = ("label", "cls", "class")
KEY = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]*)")

Stamp = tuple[str, int, int]
"""Path of a shard from the cache's folder, its size and when it was changed."""


@dataclasses.dataclass(frozen=True)
class Entries:
    """The images of one shard."""

    names: tuple[str, ...]
    labels: tuple[str, ...]
    places: Int64[np.ndarray, "n 2"]
    """First byte and size of each."""


def list_shards(path: Path) -> dict[str, list[Path]]:
    """Returns the shards of each split: of a folder, a pattern, or one file.

    Raises:
      InputError: there are none, or some of a pattern's are missing.
    """
    if path.is_dir():
        found = sorted(path.rglob("*.tar"))
        if not found:
            raise InputError(f"{path} has no .tar files: give a folder that has.")
        return group_by_split(found, path)
    found = [Path(name) for name in expand(str(path))]
    missing = [shard for shard in found if not shard.is_file()]
    if missing:
        raise InputError(
            f"there is no file {missing[0]}, nor {len(missing) - 1} more of the"
            f" {len(found)} shards that {path} names."
        )
    return group_by_split(found, Path(os.path.commonpath([p.parent for p in found])))


def expand(pattern: str) -> list[str]:
    """Returns the names that `{000..146}` and `{a,b}` in a pattern stand for."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if not match:
        return [pattern]
    span = re.fullmatch(r"(\d+)\.\.(\d+)", match[1])
    if span:
        numbers = range(int(span[1]), int(span[2]) + 1)
        words = [f"{i:0{len(span[1])}d}" for i in numbers]
    else:
        words = match[1].split(",")
    ends = expand(pattern[match.end() :])
    return [f"{pattern[: match.start()]}{w}{end}" for w in words for end in ends]


def index_shards(shards: Sequence[Path], cache: Path | None) -> dict[Path, Entries]:
    """Returns the images of each shard; what was found before is looked up.

    Raises:
      InputError: a shard is damaged or compressed, or has an image without a label.
    """
    cache = cache or shards[0].parent / CACHE
    known = _read_cache(cache)
    stamps = {path: _stamp(path, cache.parent) for path in shards}
    found = {path: known[s] for path, s in stamps.items() if s in known}
    new = [path for path in shards if path not in found]
    faults: list[str] = []
    # On a terminal alone, and not for what takes no time.
    for path in tqdm(new, "indexing", unit="shard", disable=None if new[8:] else True):
        try:
            found[path] = index_shard(path)
        except InputError as error:
            faults.append(str(error))
    if new:
        now = {shard for shard, *_ in stamps.values()}
        others = {s: entries for s, entries in known.items() if s[0] not in now}
        _write_cache(cache, others | {stamps[p]: e for p, e in found.items()})
    if faults:
        told = "\n".join(faults[:10])
        more = f"\n(and {len(faults) - 10} more)" if len(faults) > 10 else ""
        raise InputError(told + more)
    return {path: found[path] for path in shards}


def index_shard(path: Path) -> Entries:
    """Returns the images of a tar file in their order."""
    examples: dict[str, dict[str, Any]] = {}
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                match = KEY.fullmatch(member.name)
                if not member.isfile() or match is None:
                    continue
                if member.offset_data + member.size > size:
                    raise InputError(f"{path} is cut off in {member.name}: {AGAIN}")
                example = examples.setdefault(match[1], {})
                if is_image(member.name) and "image" not in example:
                    example["image"] = member.name
                    example["place"] = member.offset_data, member.size
                elif match[2].lower() in ("cls", "json", "cls.txt"):
                    stream = tar.extractfile(member)
                    assert stream is not None  # it is a file
                    _read_label(example, match[2].lower(), stream.read())
    except (tarfile.TarError, EOFError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no whole tar file ({error}): {AGAIN}") from error
    return _collect(path, [x for x in examples.values() if "image" in x])


def _read_label(example: dict[str, Any], kind: str, content: bytes) -> None:
    if kind == "json":
        fields = json.loads(content)
        found = [fields[key] for key in LABELS if key in fields]
        if found:
            example.setdefault("label", str(found[0]))
    else:
        example["label"] = content.decode().strip()


def _collect(path: Path, examples: list[dict[str, Any]]) -> Entries:
    """Returns a shard's images, each with its label or the name of its folder."""
    labels = [x.get("label") or os.path.dirname(x["image"]) for x in examples]
    bare = [x["image"] for x, y in zip(examples, labels, strict=True) if y in ("", ".")]
    if bare:
        raise InputError(
            f"{path}: {bare[0]} and {len(bare) - 1} other images have no label."
            " Expected a .cls beside each, or a .json with label."
        )
    places = np.array([x["place"] for x in examples], np.int64).reshape(-1, 2)
    names = [x["image"] for x in examples]
    return Entries(tuple(names), tuple(os.path.basename(y) for y in labels), places)


def _stamp(path: Path, folder: Path) -> Stamp:
    stat = path.stat()
    return os.path.relpath(path, folder), stat.st_size, stat.st_mtime_ns


def _read_cache(path: Path) -> dict[Stamp, Entries]:
    """Returns what a cache file holds, by shard and stamp; nothing if it is damaged."""
    try:
        with np.load(path) as kept:
            shards, counts = kept["shards"].tolist(), kept["counts"].tolist()
            stamps, places = kept["stamps"].tolist(), kept["places"]
            texts = json.loads(kept["texts"].tobytes())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return {}
    ends = list(itertools.accumulate(counts, initial=0))
    names, labels = texts["names"], texts["labels"]
    return {
        (shard, size, time): Entries(tuple(names[a:b]), tuple(labels[a:b]), places[a:b])
        for shard, (size, time), a, b in zip(
            shards, stamps, ends, ends[1:], strict=False
        )
    }


def _write_cache(path: Path, found: Mapping[Stamp, Entries]) -> None:
    """Writes what was found, whole or not at all; not where nothing may be written."""
    texts = {
        "names": [name for entries in found.values() for name in entries.names],
        "labels": [label for entries in found.values() for label in entries.labels],
    }
    places = [entries.places for entries in found.values()]
    arrays = {
        "shards": np.array([shard for shard, *_ in found]),
        "stamps": np.array([stamp for _, *stamp in found], np.int64).reshape(-1, 2),
        "counts": np.array([len(e.names) for e in found.values()], np.int64),
        "places": np.concatenate([np.empty((0, 2), np.int64), *places]),
        "texts": np.frombuffer(json.dumps(texts).encode(), np.uint8),
    }
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                np.savez_compressed(file, **arrays)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
