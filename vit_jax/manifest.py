"""A list of a folder's files with size and checksum: what a disk changed is noticed."""

import hashlib
import json
from pathlib import Path

MANIFEST = "manifest.json"


def write_manifest(folder: Path, *, leave_out: str = "") -> None:
    """Writes the size and SHA-256 of every file of a folder into the folder.

    Args:
      leave_out: name of a file that may still change.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in paths if path.name != leave_out]
    entries = {
        path.relative_to(folder).as_posix(): [path.stat().st_size, _sha256(path)]
        for path in files
    }
    part = folder / f"{MANIFEST}.part"
    part.write_text(json.dumps(entries, indent=1) + "\n")
    part.replace(folder / MANIFEST)


def find_damage(folder: Path) -> str | None:
    """Returns what is not as it was when the manifest was written, None if all is."""
    try:
        entries = json.loads((folder / MANIFEST).read_text())
        for name, (size, checksum) in entries.items():
            path = folder / name
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != size:
                return f"{name} has {path.stat().st_size} bytes and had {size}"
            if _sha256(path) != checksum:
                return f"{name} has changed"
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except (ValueError, AttributeError, TypeError):
        return f"{MANIFEST} has changed"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
