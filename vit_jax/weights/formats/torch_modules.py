"""State dicts in what a pickle of torch holds, whole modules among them.

Source: `state_dict` of torch/nn/modules/module.py.
"""

import dataclasses
from collections.abc import Callable, Iterator, Set
from typing import Any, cast

import numpy as np

from vit_jax.weights.formats.damage import Damage
from vit_jax.weights.formats.torch_pickle import Made, Name
from vit_jax.weights.formats.torch_tensors import Views

MAX_DEPTH = 100
MAX_VISITS = 2**20

Items = dict[str, Any]


@dataclasses.dataclass
class Builder:
    """Makes arrays and state dicts of what a pickle would have made.

    `own` gives the names of the tensors of a TorchScript class with some attributes, or
    None where it is of no module.
    """

    views: Views
    own: Callable[[Name, Items], Set[str] | None] = lambda _name, _state: None
    visits: int = 0

    def build(self, value: Any, path: str = "", depth: int = 0) -> Any:
        """Returns a value, in dicts of it arrays for tensors, and dicts for modules."""
        self._visit(depth, path)
        if isinstance(value, dict):
            return self._build_items(cast(Items, value), path, depth)
        if not isinstance(value, Made):
            return value
        array = self.views.make(value, path or "its tensor")
        if array is not None:
            return array
        if self._open(value) is not None:
            return dict(self._walk(value, "", depth))
        if value.entries is not None:
            return self._build_items(value.entries, path, depth)
        return value

    def _build_items(self, items: Items, path: str, depth: int) -> Items:
        return {
            key: self.build(items[key], f"{path}.{key}" if path else key, depth + 1)
            for key in items
        }

    def _walk(self, module: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
        """Yields what the state_dict() of a module has; nothing of anything else."""
        self._visit(depth, prefix)
        tensors, children = self._open(module) or ({}, {})
        for key, value in tensors.items():
            array = self.build(value, f"{prefix}{key}", depth + 1)
            if isinstance(array, np.ndarray):
                yield f"{prefix}{key}", array
        for key, child in children.items():
            yield from self._walk(child, f"{prefix}{key}.", depth + 1)

    def _open(self, value: Any) -> tuple[Items, Items] | None:
        """Returns the tensors and the modules in a module; None of anything else."""
        match value:
            case Made(
                state={
                    "_parameters": dict(parameters),
                    "_buffers": dict(buffers),
                    "_modules": dict(modules),
                    **rest,
                }
            ):
                names = rest.get("_non_persistent_buffers_set")
                names = cast(list[Any], names) if isinstance(names, list) else []
                passing = {name for name in names if isinstance(name, str)}
                kept = {key: buffers[key] for key in buffers if key not in passing}
                return {**cast(Items, parameters), **kept}, cast(Items, modules)
            case Made(by=Name() as kind, state=dict(state)):
                state = cast(Items, state)
                own = self.own(kind, state)
                if own is None:
                    return None
                rest = {key: state[key] for key in state if key not in own}
                return {key: state[key] for key in state if key in own}, rest
            case _:
                return None

    def _visit(self, depth: int, path: str) -> None:
        """Counts values: a pickle may hold itself, or one value in a million places."""
        self.visits += 1 + len(path) // 64
        if depth > MAX_DEPTH or self.visits > MAX_VISITS:
            raise Damage(f"it has over {MAX_DEPTH} levels, or {MAX_VISITS} values")
