"""What the commands on data take and do: prepare, check, benchmark.

Heavy packages are imported inside the commands: `--help` answers at once.
"""

import dataclasses
import functools
import json
import re
from collections.abc import Callable
from pathlib import Path

from tyro.conf import Positional

from vit_jax.commands import say
from vit_jax.data.benchmark_options import BenchmarkOptions
from vit_jax.data.source_options import ReadingOptions
from vit_jax.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepare(ReadingOptions):
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
        from vit_jax.data.sources.tfds import Tfds
        from vit_jax.data.sources.tfds_folders import find_folder

        source = self.find()
        if not isinstance(source, Tfds):
            return None
        return find_folder(source.dataset, source.data_dir)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check(ReadingOptions):
    """Reads every image once: counts, sizes, what is broken, what is there twice.

    Exit code 0 if all can be decoded, 1 if some cannot.
    """

    json: bool = False
    """Print the report as JSON."""
    picture: Path | None = None
    """Also draw some images of each class, as .png."""
    recipe: Path | None = None
    """Draw them as this recipe trains on them: one of each class, changed at random."""

    def run(self) -> int:
        """Prints the table."""
        from vit_jax.data.check import check

        if self.picture and self.picture.suffix != ".png":
            raise InputError(f"--picture {self.picture}: give .png.")
        draw = self._draw()
        sources = self.open()
        report = check(sources, num_threads=self.threads, progress=True)
        say(json.dumps(report.to_fields(), indent=1) if self.json else str(report))
        if self.picture:
            split, source = next(iter(sources.items()))
            draw(self.picture, source, report.splits[split].labels)
        return 0 if report.ok else 1

    def _draw(self) -> Callable[..., None]:
        """Returns what draws a sheet of (path, source, labels)."""
        from vit_jax.data.contact_sheet import draw_sheet
        from vit_jax.train.config import load_recipe

        if self.recipe is None:
            return draw_sheet
        if self.picture is None:
            raise InputError(
                f"--recipe {self.recipe} changes what is drawn: add --picture x.png."
            )
        config = load_recipe(self.recipe)
        from vit_jax.train.preview import draw_preview

        return functools.partial(draw_preview, config=config)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Benchmark(BenchmarkOptions):
    """Times batches by number of threads and processes, and says what limits them.

    Of one split: the one to train on, if none is named.
    """

    json: bool = False
    """Print the report as JSON."""

    def run(self) -> int:
        """Prints two tables and the verdict."""
        from vit_jax.data.benchmark import benchmark
        from vit_jax.data.benchmark_report import BenchmarkReport

        self.check()
        source = self.open_split()
        try:
            timings = benchmark(
                source,
                self.make_transform(source),
                batch_size=self.batch_size,
                seconds=self.seconds,
                num_threads=self.num_threads,
                num_workers=self.num_workers,
                progress=True,
            )
        except InputError as error:
            flags = "--crop center or --crop random"
            told = str(error).replace("EvalCrop or TrainCrop", flags)
            raise InputError(told) from error
        report = BenchmarkReport(timings)
        say(json.dumps(report.to_fields(), indent=1) if self.json else str(report))
        return 0


def _plain(split: str) -> str:
    """Returns a name for a split of what a part, a sum or all of another was."""
    words = re.findall(r"\w+", split)
    return "train" if words[:1] in ([], ["all"]) else words[0]


DATA_COMMANDS = {"prepare": Prepare, "check": Check, "benchmark": Benchmark}
