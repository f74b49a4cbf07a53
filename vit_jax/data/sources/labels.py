"""Labels as they are found, made indices of classes.

Axes: n images.
"""

import dataclasses
import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int, Int32

from vit_jax.errors import InputError

FILES = ("classes.txt", "classnames.txt", "class_names.txt", "labels.txt")


def check_labels(
    labels: Int[np.ndarray, " n"], class_names: Sequence[str], where: Path | str
) -> Int32[np.ndarray, " n"]:
    """Returns labels, each of them an index of the class names.

    Raises:
      InputError: one is not.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    if len(wrong):
        raise InputError(
            f"{where}: label {labels[wrong[0]]} of image {wrong[0]} (and of"
            f" {len(wrong) - 1} others) is out of range: there are {len(class_names)}"
            " classes, counted from 0. Mend the labels, or name every class."
        )
    return labels.astype(np.int32)


@dataclasses.dataclass(frozen=True)
class Classes:
    """Names of classes, and whether labels are indices of them or names themselves."""

    names: tuple[str, ...]
    numeric: bool


def find_classes(found: Collection[str], folder: Path, where: Path | str) -> Classes:
    """Returns the classes that the labels of a whole collection stand for.

    Numbers are indices, named by a `classes.txt` in the folder, a line a class, or by
    themselves. Other labels are names, in their sorted order.

    Raises:
      InputError: numbers are mixed with names.
    """
    numbers = [label for label in found if re.fullmatch(r"-?\d+", label)]
    if not numbers:
        return Classes(tuple(sorted(found)), numeric=False)
    if len(numbers) < len(found):
        words = sorted(set(found) - set(numbers))
        raise InputError(
            f"{where} has both numbers and names as labels, such as {numbers[0]} and"
            f" {words[0]!r}: give every image one kind."
        )
    for path in (folder / name for name in FILES):
        if path.is_file():
            return Classes(tuple(path.read_text().splitlines()), numeric=True)
    count = max(int(label) for label in numbers) + 1
    return Classes(tuple(str(i) for i in range(count)), numeric=True)


def index_labels(
    labels: Sequence[str], classes: Classes, where: Path | str
) -> Int32[np.ndarray, " n"]:
    """Returns labels as indices of classes that were found with them.

    Raises:
      InputError: a number is not an index of a class.
    """
    if classes.numeric:
        numbers = np.array([int(label) for label in labels], np.int64)
        return check_labels(numbers, classes.names, where)
    order = {name: i for i, name in enumerate(classes.names)}
    return np.array([order[label] for label in labels], np.int32)
