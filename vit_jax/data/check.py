"""Everything of a source read once: counts, sizes, what is broken, what is twice.

Axes: n images.
"""

import array
import dataclasses
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from tqdm import tqdm

from vit_jax.data.check_report import Duplicate, Report, Sizes, SplitReport
from vit_jax.data.decode import FORMATS, BrokenImageError, open_image
from vit_jax.data.sources.protocol import ImageSource
from vit_jax.errors import InputError

READ_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class Look:
    """What was seen of one image; a fault where it is broken."""

    label: int
    digest: bytes = b""
    rows: int = 0
    columns: int = 0
    format: str = ""
    fault: str = ""


def check(
    sources: Mapping[str, ImageSource], *, num_threads: int = 4, progress: bool = False
) -> Report:
    """Returns what is in each split, after every image was read and decoded.

    Raises:
      InputError: a source cannot be read at all.
    """
    total = sum(len(source) for source in sources.values())
    seen: dict[bytes, list[tuple[str, int, int]]] = {}
    splits: dict[str, SplitReport] = {}
    with (
        ThreadPoolExecutor(num_threads) as pool,
        tqdm(total=total, unit=" images", disable=None if progress else True) as bar,
    ):
        for split, source in sources.items():
            tally = _Tally(source)
            for index, found in _look_at_all(source, pool):
                tally.add(index, found)
                if found.digest:
                    place = (split, index, found.label)
                    seen.setdefault(found.digest, []).append(place)
                bar.update()
            splits[split] = tally.report()
    twice = [places for places in seen.values() if len(places) > 1]
    return Report(
        class_names=next(iter(sources.values())).class_names,
        splits=splits,
        duplicates=tuple(_name(places, sources) for places in twice),
    )


def look_at(source: ImageSource, index: int) -> Look:
    """Returns what one image is, decoded as a whole."""
    try:
        example = source[index]
    except InputError as error:
        return Look(label=-1, fault=str(error))
    image, label = example["image"], example["label"]
    if not isinstance(image, bytes):
        digest = _digest(image.tobytes() + str(image.shape).encode())
        return Look(label, digest, *image.shape[:2], format="pixels")
    try:
        encoded = open_image(image)
        rows, columns, _ = encoded.read(1 if len(source.pixels.mean) == 1 else 3).shape
    except BrokenImageError as error:
        return Look(label, fault=str(error))
    with Image.open(io.BytesIO(image), formats=FORMATS) as opened:
        return Look(
            label, _digest(image), rows, columns, f"{opened.format} {opened.mode}"
        )


def _look_at_all(
    source: ImageSource, pool: ThreadPoolExecutor
) -> Iterator[tuple[int, Look]]:
    """Yields (index, look) in order; memory is taken for a thousand."""
    for start in range(0, len(source), READ_AT_ONCE):
        indices = range(start, min(start + READ_AT_ONCE, len(source)))
        looks = pool.map(lambda index: look_at(source, index), indices)
        yield from zip(indices, looks, strict=True)


class _Tally:
    """What adds up to the report of a split."""

    def __init__(self, source: ImageSource) -> None:
        self.source = source
        self.labels = array.array("i")
        self.sizes: list[tuple[int, int]] = []
        self.formats: Counter[str] = Counter()
        self.broken: list[tuple[str, str]] = []

    def add(self, index: int, found: Look) -> None:
        self.labels.append(found.label)
        if found.fault:
            self.broken.append((self.source.name(index), found.fault))
        else:
            self.sizes.append((found.rows, found.columns))
            self.formats[found.format] += 1

    def report(self) -> SplitReport:
        """Returns the sums."""
        sizes = np.array(self.sizes).reshape(-1, 2)
        labels = np.array(self.labels, np.int32)
        count = len(self.source.class_names)
        return SplitReport(
            images=len(self.source),
            labels=labels,
            per_class=tuple(np.bincount(labels[labels >= 0], minlength=count).tolist()),
            rows=_spread(sizes[:, 0]),
            columns=_spread(sizes[:, 1]),
            formats=dict(self.formats.most_common()),
            broken=tuple(self.broken),
        )


def _spread(values: np.ndarray) -> Sizes:
    if not len(values):
        return Sizes(0, 0, 0)
    return Sizes(int(values.min()), int(np.median(values)), int(values.max()))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _name(
    places: list[tuple[str, int, int]], sources: Mapping[str, ImageSource]
) -> Duplicate:
    return Duplicate(
        splits=tuple(split for split, _, _ in places),
        names=tuple(sources[split].name(index) for split, index, _ in places),
        labels_agree=len({label for _, _, label in places}) == 1,
    )
