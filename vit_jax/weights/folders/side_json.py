"""Values of a JSON file beside weights, each with its place in what is told of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from vit_jax.errors import InputError

Choice = TypeVar("Choice")
KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    dict: "an object in braces",
}


class Values:
    """The values of a JSON file, or of an object within it.

    A key that is missing or null has the default, whose type a value must have.
    """

    def __init__(self, path: Path, values: Mapping[str, Any], within: str = ""):
        self.path, self.values, self.within = path, values, within

    def take(self, key: str, default: Any) -> Any:
        """Returns a value of the default's type; a float may be written as an int."""
        value = self.values.get(key)
        if value is None:
            return default
        kinds = (int, float) if isinstance(default, float) else type(default)
        flag = isinstance(value, bool) and not isinstance(default, bool)
        if flag or not isinstance(value, kinds):
            self.refuse(key, KINDS[type(default)])
        return value

    def choose(
        self, key: str, default: str | bool, options: Mapping[Any, Choice]
    ) -> Choice:
        """Returns what a value stands for."""
        value = self.take(key, default)
        if value not in options:
            self.refuse(key, f"one of {', '.join(map(repr, options))}")
        return options[value]

    def size(self, key: str, default: int) -> int | tuple[int, int]:
        """Returns a number of pixels, or rows and columns of them."""
        value = self.values.get(key)
        if isinstance(value, list) and all(type(n) is int for n in value):
            pair = tuple(cast(list[int], value))
            if len(pair) == 2:
                return pair if pair[0] != pair[1] else pair[0]
        return self.take(key, default)

    def numbers(self, key: str) -> tuple[float, ...] | None:
        """Returns a list of numbers; None where there is none."""
        value = self.values.get(key)
        if value is None:
            return None
        listed = cast(list[Any], value if isinstance(value, list) else [None])
        if not all(type(n) in (int, float) for n in listed):
            self.refuse(key, "a list of numbers")
        return tuple(map(float, listed))

    def inner(self, key: str) -> "Values":
        """Returns the object under a key, an empty one where there is none."""
        return Values(self.path, self.take(key, {}), f"{self.within}{key}.")

    def refuse(self, key: str, expected: str) -> None:
        """Raises InputError: a value that is not what was expected."""
        raise InputError(
            f"{self.path}: {self.within}{key}={self.values.get(key)!r}; expected"
            f" {expected}."
        )


def read_json(path: Path) -> Values:
    """Returns the object in a JSON file.

    Raises:
      InputError: it is no JSON, or no object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not JSON: {error}. Fetch it again, or move it away to do"
            " without it."
        ) from error
    if not isinstance(found, dict):
        raise InputError(
            f"{path} holds a {type(found).__name__}; expected an object in braces."
        )
    return Values(path, cast(dict[str, Any], found))
