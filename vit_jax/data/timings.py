"""What was measured of a loader: its parts, and its settings."""

import dataclasses
import math

# What differs by less is noise: of such settings the one with fewer threads is better.
NOISE = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one image, one after another in one thread."""

    seconds: float
    processor_seconds: float
    """Of them those in which the processor worked; the rest was waiting."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            seconds=self.seconds + other.seconds,
            processor_seconds=self.processor_seconds + other.processor_seconds,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """What an image costs, by what is done with it."""

    reading: Cost
    decoding: Cost
    """And cropping."""
    batching: Cost

    @property
    def whole(self) -> Cost:
        return self.reading + self.decoding + self.batching


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """Batches made by so many threads or worker processes."""

    num_threads: int = 0
    num_workers: int = 0
    starts_in: float
    """Seconds to the first batch."""
    images: int
    """In the batches after it that were timed."""
    seconds: float
    processor_seconds: float
    """Of all threads and processes."""

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    @property
    def images_per_core_second(self) -> float | None:
        """None where the time was too short to tell."""
        return self.images / self.processor_seconds if self.processor_seconds else None

    @property
    def busy_cores(self) -> float:
        """How many cores worked for it, in the mean."""
        return self.processor_seconds / self.seconds

    @property
    def flags(self) -> str:
        """What train.py is given for it."""
        if self.num_workers:
            return f"--data.num-workers {self.num_workers}"
        return f"--data.num-threads {self.num_threads}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """What most of a few images are, as the source gives them."""

    format: str
    """Such as "JPEG RGB"; "pixels" where there is nothing to decode."""
    rows: int
    columns: int

    @property
    def is_encoded(self) -> bool:
        return self.format != "pixels"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timings:
    """Everything that was measured of a source with a transform."""

    num_images: int
    image_shape: tuple[int, int, int]
    """In a batch."""
    batch_size: int
    crop_is_random: bool
    is_prepared: bool
    """Whether the source is a TFDS data set."""
    decoder: str
    """Packages and versions; empty where there is nothing to decode."""
    lacks_fast_data: bool
    """Whether Pillow decodes JPEG only because the faster packages are missing."""
    cores: int
    free_cores: float
    """What of them other programs left, in the mean."""
    stored: Stored
    parts: Parts
    settings: tuple[Setting, ...]
    images_seen: int
    broken: int
    """Of them those that cannot be decoded; others stood in for them."""

    @property
    def threads(self) -> tuple[Setting, ...]:
        """The settings without worker processes."""
        return tuple(s for s in self.settings if not s.num_workers)

    @property
    def workers(self) -> tuple[Setting, ...]:
        """The settings with worker processes."""
        return tuple(s for s in self.settings if s.num_workers)

    @property
    def best(self) -> Setting:
        """The fastest setting; of those as fast, the one with the fewest threads.

        One thread goes before none: it reads while a step is computed.
        """
        fastest = max(s.images_per_second for s in self.settings)
        enough = [
            s for s in self.settings if s.images_per_second >= (1 - NOISE) * fastest
        ]
        return min(enough, key=lambda s: (s.num_workers, s.num_threads or 1.5))

    @property
    def decoded_bytes(self) -> int:
        """What all images take once they have the shape of a batch."""
        return self.num_images * math.prod(self.image_shape)
