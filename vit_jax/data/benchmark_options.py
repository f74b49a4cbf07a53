"""What `vit-jax data benchmark` takes; imports nothing heavy."""

import dataclasses
import math
from typing import Any, Literal

from vit_jax.data.cores import count_cores
from vit_jax.data.source_options import SourceOptions
from vit_jax.errors import InputError


def list_threads() -> tuple[int, ...]:
    """Returns the numbers of threads worth a look here."""
    cores = count_cores()
    return tuple(sorted({0, 1, cores, 2 * cores}))


def list_workers() -> tuple[int, ...]:
    """Returns the numbers of processes worth a look here."""
    return tuple(sorted({1, count_cores()}))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkOptions(SourceOptions):
    """Which images, how they are cropped, and what is timed."""

    crop: Literal["random", "center", "none"] = "random"
    """A random part of each image; its middle; or nothing: all have one size."""
    image_size: int = 224
    """Rows and columns that a crop is resized to."""
    batch_size: int = 64
    seconds: float = 2.0
    """For each setting; begun batches are finished."""
    num_threads: tuple[int, ...] = dataclasses.field(default_factory=list_threads)
    """Threads that read ahead, each number a setting; 0 reads when asked."""
    num_workers: tuple[int, ...] = dataclasses.field(default_factory=list_workers)
    """Processes that read ahead instead; --num-workers alone leaves them out."""

    def check(self) -> None:
        """Raises InputError, which names everything that cannot be used."""
        least = {
            "--image-size": (1, (self.image_size,)),
            "--batch-size": (1, (self.batch_size,)),
            "--num-threads": (0, self.num_threads),
            "--num-workers": (1, self.num_workers),
        }
        faults = [
            f"{flag} {number}: give at least {low}."
            for flag, (low, numbers) in least.items()
            for number in numbers
            if number < low
        ]
        if not (self.seconds > 0 and math.isfinite(self.seconds)):
            faults.append(f"--seconds {self.seconds:g}: give more than 0, such as 2.")
        if not (self.num_threads or self.num_workers):
            faults.append("there is nothing to time: give --num-threads 1 2.")
        if faults:
            raise InputError("\n".join(faults))

    def open_split(self) -> Any:
        """Returns the split that was asked for, else the one to train on."""
        source = self.find()
        split = self.split
        if split is None:
            split = "train" if "train" in source.splits else source.splits[0]
        chosen = dataclasses.replace(source, split=split)
        len(chosen)  # opens it: what is wrong with the whole is told before all else
        return chosen

    def make_transform(self, source: Any) -> Any:
        """Returns the crop, in grey or in colour as the source is."""
        from vit_jax.data.transforms import AsIs, EvalCrop, TrainCrop

        channels = 1 if len(source.pixels.mean) == 1 else 3
        if self.crop == "none":
            return AsIs(channels=channels)
        crop = TrainCrop if self.crop == "random" else EvalCrop
        return crop(self.image_size, channels=channels)
