"""Files of torch.save before 1.6: pickles one after another, then raw storages.

Source of the format: `_legacy_save` of torch/serialization.py.
"""

import functools
from pathlib import Path
from typing import Any, cast

from vit_jax.weights.formats.arrays import Bytes, map_file
from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.torch_modules import Builder
from vit_jax.weights.formats.torch_pickle import Machine, Source
from vit_jax.weights.formats.torch_tensors import Storage, Views, find_storage

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
ORDER = "little_endian"


def read_torch_legacy(path: Path) -> Any:
    """Returns the object in a file, as `read_torch_zip` does."""
    source = Source(map_file(path))
    magic, protocol, system = (_unpickle(source) for _ in range(3))
    if magic != MAGIC or protocol != PROTOCOL:
        raise Damage(
            "it is a pickle, but not one that torch.save wrote",
            "Load it as it was saved, and save a dict of tensors with torch.save.",
        )
    if not isinstance(system, dict) or cast(Any, system).get(ORDER) is not True:
        raise Damage(
            "it was written on a big-endian machine",
            "Load it with torch, and save it again on a usual machine.",
        )
    used: dict[str, Storage] = {}
    value = Machine(source, functools.partial(_note_storage, used)).run()
    storages = _find_storages(source, used)
    views = Views(lambda key: storages[key], len(source.data))
    return Builder(views).build(value)


def _note_storage(used: dict[str, Storage], pid: Any) -> Any:
    storage = find_storage(pid)
    if isinstance(storage, Storage):
        used.setdefault(storage.key, storage)
    return storage


def _unpickle(source: Source) -> Any:
    return Machine(source, find_storage).run()


def _find_storages(source: Source, used: dict[str, Storage]) -> dict[str, Bytes]:
    """Returns the bytes of each storage; they follow the list of their keys."""
    value = _unpickle(source)
    keys = cast(list[Any], value) if isinstance(value, list) else []
    texts = [key for key in keys if isinstance(key, str)]
    if len(texts) < len(keys) or set(texts) != used.keys():
        raise Damage("its list of storages is not as its pickle is")
    found: dict[str, Bytes] = {}
    for key in texts:
        numel = int.from_bytes(source.read(8), "little")
        end = source.at + numel * used[key].dtype.itemsize
        if end > len(source.data):
            raise Damage(f"its storage {key} is cut off")
        found[key] = source.data[source.at : end]
        source.at = end
    return found
