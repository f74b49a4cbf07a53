"""Frozen dataclasses as plain fields for JSON, and back."""

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any


def to_fields(record: Any) -> Any:
    """Returns a dataclass as dicts, lists, numbers and strings."""
    if dataclasses.is_dataclass(record):
        names = [field.name for field in dataclasses.fields(record)]
        return {name: to_fields(getattr(record, name)) for name in names}
    if isinstance(record, tuple | list):
        return [to_fields(item) for item in record]
    return str(record) if isinstance(record, Path) else record


def from_fields(kind: Any, value: Any) -> Any:
    """Returns what `to_fields` made of a value of an annotated type.

    Raises:
      TypeError: a field that the type does not have.
    """
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        unknown = value.keys() - hints.keys()
        if unknown:
            raise TypeError(f"{kind.__name__} has no field {', '.join(unknown)}")
        return kind(**{name: from_fields(hints[name], v) for name, v in value.items()})
    if isinstance(value, list):
        return tuple(from_fields(_item_type(kind), item) for item in value)
    return Path(value) if kind is Path else value


def _item_type(kind: Any) -> Any:
    """Returns the type of the items of a tuple type, of the one in a union."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kinds = typing.get_args(kind)
        kind = next(k for k in kinds if typing.get_origin(k) is tuple)
    return next(iter(typing.get_args(kind)), Any)
