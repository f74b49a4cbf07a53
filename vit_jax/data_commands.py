"""What the commands on data take and do: `data prepare`, `data check`.

Heavy packages are imported inside the commands: `--help` answers at once.
"""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from vit_jax.commands import say
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
    threads: int = 4
    """How many read."""

    def open(self) -> dict[str, Any]:
        """Returns the source of each split."""
        from vit_jax.data.sources.find import each_split, find_source

        if self.threads < 1:
            raise InputError(f"--threads {self.threads}: give at least 1.")
        source = find_source(
            self.source,
            kind=self.kind,
            data_dir=self.data_dir.expanduser(),
            held_out=self.held_out,
        )
        sources = each_split(source, self.split)
        for part in sources.values():
            len(part)  # opens it: what is wrong with the whole is told before all else
        return sources


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepare(SourceOptions):
    """Writes any source as a TFDS data set that is read at random, without TensorFlow.

    Image files are kept byte for byte. A TFDS data set of tfrecord files becomes one of
    array_record files.
    """

    target: Positional[Path]
    """New folder, DATA_DIR/NAME."""

    def run(self) -> int:
        """Prints how many images of which split were written."""
        from vit_jax.data.prepare import prepare
        from vit_jax.data.tfrecord import convert_tfrecord, is_tfrecord

        folder = self._tfds_folder()
        if folder and is_tfrecord(folder):
            written = convert_tfrecord(folder, self.target, progress=True)
        else:
            sources = {_plain(name): source for name, source in self.open().items()}
            written = prepare(
                sources, self.target, num_threads=self.threads, progress=True
            )
        told = ", ".join(f"{count:,} {split}" for split, count in written.items())
        say(f"{self.source} -> {self.target}: {told}")
        return 0

    def _tfds_folder(self) -> Path | None:
        """Returns the folder of the version that is meant, if it is of TFDS."""
        from vit_jax.data.sources.find import find_source
        from vit_jax.data.sources.tfds import Tfds
        from vit_jax.data.sources.tfds_folders import find_folder

        source = find_source(
            self.source, kind=self.kind, data_dir=self.data_dir.expanduser()
        )
        if not isinstance(source, Tfds):
            return None
        return find_folder(source.dataset, source.data_dir)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check(SourceOptions):
    """Reads every image once: counts, sizes, what is broken, what is there twice.

    Exit code 0 if all can be decoded, 1 if some cannot.
    """

    json: bool = False
    """Print the report as JSON."""
    picture: Path | None = None
    """Also draw some images of each class, as .png."""

    def run(self) -> int:
        """Prints the table."""
        from vit_jax.data.check import check
        from vit_jax.data.contact_sheet import draw_sheet

        if self.picture and self.picture.suffix != ".png":
            raise InputError(f"--picture {self.picture}: give .png.")
        sources = self.open()
        report = check(sources, num_threads=self.threads, progress=True)
        say(json.dumps(report.to_fields(), indent=1) if self.json else str(report))
        if self.picture:
            split, source = next(iter(sources.items()))
            draw_sheet(self.picture, source, report.splits[split].labels)
        return 0 if report.ok else 1


def _plain(split: str) -> str:
    """Returns a name for a split of what a part, a sum or all of another was."""
    words = re.findall(r"\w+", split)
    return "train" if words[:1] in ([], ["all"]) else words[0]


DATA_COMMANDS = {"prepare": Prepare, "check": Check}
