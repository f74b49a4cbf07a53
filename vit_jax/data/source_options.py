"""What every command on data takes; imports nothing heavy."""

import dataclasses
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from vit_jax.data.kinds import Kind
from vit_jax.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Which images."""

    source: Positional[str]
    """Folder of class folders, of .parquet, .arrow or .tar files, or of a TFDS data
    set; a .npz file; shards as x-{000..146}.tar; or the name of a TFDS data set."""
    kind: Kind | None = None
    """Of the source; found out if not given."""
    split: str | None = None
    """Only this one; with TFDS also a part, such as train[:1000]."""
    data_dir: Path = Path("~/tensorflow_datasets")
    """Where TFDS data sets lie."""
    held_out: float = 0.1
    """Share of each class for the split `test`, of a folder without splits."""

    def find(self) -> Any:
        """Returns the source as a whole."""
        from vit_jax.data.sources.find import find_source

        return find_source(
            self.source,
            kind=self.kind,
            data_dir=self.data_dir.expanduser(),
            held_out=self.held_out,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadingOptions(SourceOptions):
    """Which images, and how they are read, each once."""

    threads: int = 4
    """How many read."""

    def open(self) -> dict[str, Any]:
        """Returns the source of each split."""
        from vit_jax.data.sources.find import each_split

        if self.threads < 1:
            raise InputError(f"--threads {self.threads}: give at least 1.")
        sources = each_split(self.find(), self.split)
        for part in sources.values():
            len(part)  # opens it: what is wrong with the whole is told before all else
        return sources
