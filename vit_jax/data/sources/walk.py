"""What lies in folders, but for what is hidden."""

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif"}
    | {".tif", ".tiff", ".ppm", ".pgm", ".pnm"}
)


def list_folders(path: Path) -> list[str]:
    """Returns the sorted names of the folders in a folder."""
    with os.scandir(path) as entries:
        return sorted(e.name for e in entries if e.is_dir() and not is_hidden(e.name))


def walk_files(
    folder: str, prefix: str, above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[str]:
    """Yields the files below a folder by their relative paths; links are followed."""
    try:
        stat = os.stat(folder)
        if (stat.st_dev, stat.st_ino) in above:
            return  # a link to a folder that it lies in
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                if not entry.is_dir():
                    yield name
                elif not is_hidden(entry.name):
                    inside = above | {(stat.st_dev, stat.st_ino)}
                    yield from walk_files(entry.path, f"{name}/", inside)
    except FileNotFoundError:
        return  # a class that this split has no folder of


def is_image(name: str) -> bool:
    """Returns whether a file is an image by its suffix."""
    base = name[name.rfind("/") + 1 :]
    return base[base.rfind(".") :].lower() in SUFFIXES and not is_hidden(base)


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder is not meant to be seen."""
    return name.startswith((".", "__MACOSX"))
