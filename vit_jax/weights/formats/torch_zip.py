"""Files of torch.save since 1.6, and of torch.jit.save: zips of a pickle and storages.

Sources of the formats: torch/serialization.py, caffe2/serialize/inline_container.cc and
torch/csrc/jit/docs/serialization.md of PyTorch.
"""

import re
from collections.abc import Set
from pathlib import Path
from typing import Any

from vit_jax.weights.formats.archive import Archive
from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.torch_modules import Builder
from vit_jax.weights.formats.torch_pickle import Machine, Made, Name, Source
from vit_jax.weights.formats.torch_tensors import REBUILD, Views, find_storage

# The head of a module's class: its name, and what it says of its tensors.
CLASS = re.compile(
    r"^class (\w+)\(Module\):\n((?:  __\w+__ = \[.*\]\n)*)", re.MULTILINE
)
BUFFERS = "__buffers__"


def read_torch_zip(path: Path) -> Any:
    """Returns the object in a file, its tensors as views of the file.

    Views of one storage share memory; a module is its state dict; what is neither a
    tensor, a module nor a plain value is inert, a `Made`.
    """
    archive = Archive(path)
    roots = [
        name.removesuffix("data.pkl")
        for name in archive.infos
        if re.fullmatch(r"[^/]+/data\.pkl", name)
    ]
    if len(roots) != 1:
        raise Damage("it holds no data.pkl, as files of torch.save do")
    (root,) = roots
    order = f"{root}byteorder"
    if order in archive.infos and bytes(archive.read(order)) != b"little":
        raise Damage(
            "it was written on a big-endian machine",
            "Load it with torch, and save it again on a usual machine.",
        )
    source = Source(archive.read(f"{root}data.pkl"))
    value = Machine(source, find_storage).run()
    views = Views(lambda key: archive.read(f"{root}data/{key}"), len(archive.data))
    return Builder(views, Script(archive, root).own).build(value)


class Script:
    """What the code of a TorchScript archive says of its classes; it is not run."""

    def __init__(self, archive: Archive, root: str):
        self.archive, self.root = archive, root
        self.modules: dict[str, dict[str, Set[str]]] = {}

    def own(self, kind: Name, attributes: dict[str, Any]) -> Set[str] | None:
        """Returns the names of parameters and buffers; None of what is no module."""
        if not kind.module.startswith("__torch__"):
            return None
        if kind.module not in self.modules:
            self.modules[kind.module] = self._read(kind.module)
        names = self.modules[kind.module].get(kind.name)
        if names is None or BUFFERS in names:
            return names
        # Before 1.5 the code did not tell which other tensors are buffers.
        return names | {key for key in attributes if _is_tensor(attributes[key])}

    def _read(self, module: str) -> dict[str, Set[str]]:
        """Returns what the code of a module says of each class of modules in it."""
        name = f"{self.root}code/{module.replace('.', '/')}.py"
        code = bytes(self.archive.read(name)).decode("utf-8", "replace")
        return {
            match[1]: {
                word.strip('"') for word in re.findall(r'"[^"]+"|__\w+__', match[2])
            }
            for match in CLASS.finditer(code)
        }


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Made) and getattr(value.by, "name", "") in REBUILD
