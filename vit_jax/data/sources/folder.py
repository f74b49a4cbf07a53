"""A folder of image files: one folder a class.

Axes: n images.
"""

import dataclasses
import functools
import hashlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int32

from vit_jax.data.sources.names import Names
from vit_jax.data.sources.protocol import Example
from vit_jax.data.sources.splits import WORDS, choose_split
from vit_jax.data.sources.walk import is_hidden, is_image, list_folders, walk_files
from vit_jax.errors import InputError, InputWarning
from vit_jax.pixels import IMAGENET, Pixels

AUTOMATIC = ("train", "test")


@dataclasses.dataclass(frozen=True)
class FolderIndex:
    """What lies in a folder: paths of images below it, and what else was seen."""

    names: Names
    labels: Int32[np.ndarray, " n"]
    class_names: tuple[str, ...]
    ignored: int


@dataclasses.dataclass(frozen=True)
class Folder:
    """Image files in class folders, `PATH/CLASS/**/IMAGE` or `PATH/SPLIT/CLASS/...`.

    Classes are the folders of the training split, sorted. Without folders of splits, a
    share of each class is held out as `test`. A file's side is drawn from its class and
    name alone: it stays where it is when files are added, but for the one that is
    moved so that a class of two images or more is never on one side only. `all` is both
    sides. Hidden files and what is no image by its suffix is left out and counted.
    """

    path: Path
    split: str = "train"
    held_out: float = dataclasses.field(default=0.1, kw_only=True)
    """Share of each class, where the folder has no splits of its own."""
    statistics: Pixels | None = dataclasses.field(default=None, kw_only=True)
    """Of the pixels; ImageNet's if not given."""

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 1:
            raise InputError(
                f"held_out={self.held_out} is no share: give 0, or less than 1."
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._index.class_names

    @property
    def pixels(self) -> Pixels:
        return self.statistics or IMAGENET

    @property
    def splits(self) -> tuple[str, ...]:
        own = tuple(_split_folders(self.path))
        if len(own) > 1:
            return own
        return AUTOMATIC if self.held_out else AUTOMATIC[:1]

    @property
    def ignored(self) -> int:
        """How many files of this split's folder are no images."""
        return self._index.ignored

    def __len__(self) -> int:
        return len(self._index.labels)

    def __getitem__(self, index: int) -> Example:
        path = self.path / self._index.names[index]
        try:
            image = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{path} cannot be read ({error.strerror}): it was there when the"
                " folder was listed; look at the disk, or take the file away."
            ) from error
        return {"image": image, "label": int(self._index.labels[index])}

    def name(self, index: int) -> str:
        """Returns the path of an image file."""
        return str(self.path / self._index.names[index])

    @functools.cached_property
    def _index(self) -> FolderIndex:
        return _make_index(self)


def has_classes(path: Path) -> bool:
    """Returns whether a folder has folders in which an image lies."""
    classes = list_folders(path) if path.is_dir() else []
    return any(
        is_image(file) for name in classes for file in walk_files(str(path / name), "")
    )


def _make_index(source: Folder) -> FolderIndex:
    if not source.path.is_dir():
        raise InputError(f"there is no folder {source.path}: give one with images.")
    own = _split_folders(source.path)
    if len(own) > 1:
        split = choose_split(source.split, tuple(own), source.path)
        train = source.path / own.get("train", own[split])
        return _read_classes(source, own[split], list_folders(train), "all")
    split = source.split
    if split != "all":
        sides = (*AUTOMATIC, "validation", "all")  # who asks for either gets the same
        split = choose_split(split, sides, source.path)
    prefix = next(iter(own.values()), "")
    return _read_classes(source, prefix, list_folders(source.path / prefix), split)


def _read_classes(
    source: Folder, prefix: str, class_names: Sequence[str], side: str
) -> FolderIndex:
    """Returns the images of one side, class by class, each class sorted by path."""
    root = source.path / prefix
    _refuse_unknown(root, class_names)
    names: list[str] = []
    counts: list[int] = []
    ignored: list[str] = [n for n in os.listdir(root) if not (root / n).is_dir()]
    for class_name in class_names:
        files = sorted(walk_files(str(root / class_name), f"{class_name}/"))
        images = [f for f in files if is_image(f)]
        if len(images) < len(files):
            ignored += [f for f in files if not is_image(f)]
        kept = images if side == "all" else _of_side(images, side, source.held_out)
        names += [f"{prefix}/{name}" if prefix else name for name in kept]
        counts.append(len(kept) if len(images) else -1)
    _tell(root, [n for n, c in zip(class_names, counts, strict=True) if c < 0], ignored)
    if not names:
        raise InputError(
            f"{root} has no images for the split {source.split!r} in its"
            f" {len(class_names)} class folders. Expected {root}/CLASS/IMAGE.jpg (or"
            " PNG, WebP, BMP, GIF, TIFF)."
        )
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), np.maximum(counts, 0))
    return FolderIndex(Names(names), labels, tuple(class_names), len(ignored))


def _of_side(images: list[str], side: str, share: float) -> list[str]:
    held = draw_held_out(images, share).tolist()
    return [f for f, out in zip(images, held, strict=True) if out != (side == "train")]


def draw_held_out(names: Sequence[str], share: float) -> Bool[np.ndarray, " n"]:
    """Returns which files of a class are held out: of each, by its name alone."""
    digests = (hashlib.blake2b(os.fsencode(n), digest_size=8).digest() for n in names)
    draws = np.array([int.from_bytes(d) / 2**64 for d in digests])
    held = draws < share
    if share and len(names) > 1 and not held.any():
        held[draws.argmin()] = True
    if len(names) and held.all():
        held[draws.argmax()] = False
    return held


def _refuse_unknown(root: Path, class_names: Sequence[str]) -> None:
    if not class_names:
        raise InputError(
            f"{root} has no class folders. Expected {root}/CLASS/IMAGE.jpg, one folder"
            " a class."
        )
    known = set(class_names)
    unknown = [name for name in list_folders(root) if name not in known]
    if unknown:
        raise InputError(
            f"{root} has the class {unknown[0]!r} (and {len(unknown) - 1} others) that"
            " the training images do not have. Give it training images, or take it"
            " away."
        )


def _tell(root: Path, empty: Sequence[str], ignored: Sequence[str]) -> None:
    """Warns of classes without images and of files that are no images."""
    if empty:
        shown = ", ".join(empty[:5]) + (", ..." if len(empty) > 5 else "")
        warnings.warn(
            f"{root}: {len(empty)} class folders have no images: {shown}.",
            InputWarning,
            stacklevel=2,
        )
    plain = sorted(name for name in ignored if not is_hidden(name.split("/")[-1]))
    if plain:
        shown = ", ".join(plain[:5]) + (", ..." if len(plain) > 5 else "")
        warnings.warn(
            f"{root}: {len(plain)} files are left out, as they are no images in a class"
            f" folder: {shown}.",
            InputWarning,
            stacklevel=2,
        )


def _split_folders(path: Path) -> dict[str, str]:
    """Returns the folder of each split, if the folders here are splits.

    They are if they are named so and have folders themselves: `train` may also be a
    class, of railways.
    """
    folders = list_folders(path) if path.is_dir() else []
    named = [name for name in folders if name.lower() in WORDS]
    found = {name.lower(): name for name in named if list_folders(path / name)}
    order = list(WORDS)
    return {key: found[key] for key in sorted(found, key=order.index)}
