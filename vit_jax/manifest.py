"""A list of a folder's files with size and checksum: what a disk changed is noticed."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
CHANGED = f"{MANIFEST} has changed"

Files = dict[str, tuple[int, str]]
"""Size and SHA-256 of each file, by its path from the folder."""


def write_manifest(folder: Path, *, note: dict[str, Any] | None = None) -> None:
    """Writes size and SHA-256 of every file of a folder into the folder.

    When it returns, all of it is on the disk: no power cut takes it away.

    Args:
      note: what else shall be noticed when it changes, as JSON.
    """
    paths = sorted(folder.rglob("*"))
    files = {
        path.relative_to(folder).as_posix(): (path.stat().st_size, _sha256(path))
        for path in paths
        if path.is_file()
    }
    part = folder / f"{MANIFEST}.part"
    part.write_bytes(_render(files, note or {}))
    part.replace(folder / MANIFEST)
    for path in (*paths, folder / MANIFEST, folder):
        flush(path)


def read_note(folder: Path) -> dict[str, Any] | None:
    """Returns the note in a folder's manifest, None if the manifest is not whole."""
    found = _read(folder)
    return None if isinstance(found, str) else found[1]


def find_damage(folder: Path, *, share: tuple[int, int] = (0, 1)) -> str | None:
    """Returns what is not as it was when the manifest was written, None if all is.

    Args:
      share: (i, n) looks at every n-th file from the i-th on: n processes share them.
    """
    found = _read(folder)
    if isinstance(found, str):
        return found
    first, count = share
    by_size = sorted(found[0].items(), key=lambda item: (-item[1][0], item[0]))
    for name, (size, checksum) in by_size[first::count]:
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes and had {size}"
        try:
            if _sha256(path) != checksum:
                return f"{name} has changed"
        except PermissionError:
            raise
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
    return None


def flush(path: Path) -> None:
    """Waits until a file, or which files a folder has, is on the disk itself."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _read(folder: Path) -> tuple[Files, dict[str, Any]] | str:
    """Returns files and note of a manifest, or what is wrong with it."""
    try:
        raw = (folder / MANIFEST).read_bytes()
        fields = json.loads(raw)
        entries = fields["files"].items()
        files = {name: (size, checksum) for name, (size, checksum) in entries}
        # Written again it must be the same bytes: no change goes unseen.
        same = _render(files, fields["note"]) == raw
        return (files, fields["note"]) if same else CHANGED
    except (FileNotFoundError, NotADirectoryError):
        return f"{MANIFEST} is missing"
    except PermissionError:
        raise
    except OSError as error:
        return f"{MANIFEST} cannot be read: {error.strerror}"
    except (ValueError, AttributeError, TypeError, KeyError):
        return CHANGED


def _render(files: Files, note: dict[str, Any]) -> bytes:
    fields: dict[str, Any] = {"note": note, "files": files}
    checksum = hashlib.sha256(json.dumps(fields).encode()).hexdigest()
    return json.dumps({**fields, "sha256": checksum}, indent=1).encode() + b"\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
