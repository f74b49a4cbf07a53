"""A new folder, whole or not at all."""

import contextlib
import shutil
from collections.abc import Generator
from pathlib import Path

from vit_jax.errors import InputError


@contextlib.contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """Gives a folder to write to, which has its name when all is written.

    Raises:
      InputError: the target exists.
    """
    target = target.absolute()
    if target.exists():
        raise InputError(f"{target} exists: give another name, or take it away.")
    # A name without a process id: what a kill left is found and cleared away.
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
