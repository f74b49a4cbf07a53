"""What was measured of a loader and what limits it, in words and in fields."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from vit_jax.data.bottleneck import Verdict, find_bottleneck
from vit_jax.data.timings import Cost, Setting, Timings

FREE = 0.8  # of the cores: what an idle machine offers at the least


@dataclasses.dataclass(frozen=True)
class BenchmarkReport:
    """Two tables and a verdict."""

    timings: Timings

    @property
    def verdict(self) -> Verdict:
        return find_bottleneck(self.timings)

    def to_fields(self) -> dict[str, Any]:
        """Returns the report as what JSON holds."""
        fields = dataclasses.asdict(self.timings)
        fields["settings"] = [
            {
                **dataclasses.asdict(setting),
                "images_per_second": setting.images_per_second,
                "images_per_core_second": setting.images_per_core_second,
                "busy_cores": setting.busy_cores,
            }
            for setting in self.timings.settings
        ]
        return {**fields, "verdict": dataclasses.asdict(self.verdict)}

    def __str__(self) -> str:
        lines = [*self._head(), "", *self._parts(), "", *self._settings(), ""]
        return "\n".join([*lines, *self._notes(), *self._verdict()])

    def _head(self) -> Iterator[str]:
        t = self.timings
        size = f"{t.stored.rows} x {t.stored.columns}"
        yield f"{t.num_images:,} images, {t.stored.format}, {size} (median of a few)"
        if t.decoder:
            yield f"decoded by {t.decoder}"
        wanted = " x ".join(map(str, t.image_shape))
        yield f"batches of {t.batch_size} images of {wanted}"
        yield f"{t.cores} cores, of which {t.free_cores:.1f} were free"

    def _parts(self) -> Iterator[str]:
        line = "{:<22} {:>14} {:>14}"
        yield line.format("an image, one thread", "microseconds", "of processor")
        parts = self.timings.parts
        rows = {
            "reading": parts.reading,
            "decoding and cropping": parts.decoding,
            "batching": parts.batching,
            "all": parts.whole,
        }
        for name, cost in rows.items():
            yield line.format(name, *_micros(cost))

    def _settings(self) -> Iterator[str]:
        line = "{:>7} {:>10} {:>10} {:>16} {:>12} {:>10}"
        heads = ("threads", "processes", "images/s", "per core-second", "busy cores")
        yield line.format(*heads, "starts in")
        for setting in self.timings.settings:
            yield line.format(*_cells(setting))

    def _notes(self) -> Iterator[str]:
        t = self.timings
        if t.broken:
            yield (
                f"note: {t.broken:,} of {t.images_seen:,} images seen are broken, and"
                " others stood in for them; `vit-jax data check` names all."
            )
        if t.free_cores < FREE * t.cores:
            yield (
                "note: other programs used the cores, or a container has a share of"
                " them: settings compare badly, and all are slower for it."
            )

    def _verdict(self) -> Iterator[str]:
        yield f"limit: {self.verdict.text}"
        yield f"best for train.py: {self.verdict.flags}"


def _micros(cost: Cost) -> tuple[str, str]:
    each = (cost.seconds, cost.processor_seconds)
    first, second = (f"{1e6 * max(0.0, seconds):,.0f}" for seconds in each)
    return first, second


def _cells(setting: Setting) -> tuple[str, ...]:
    each = setting.images_per_core_second
    return (
        "-" if setting.num_workers else f"{setting.num_threads}",
        f"{setting.num_workers}" if setting.num_workers else "-",
        f"{setting.images_per_second:,.0f}",
        "-" if each is None else f"{each:,.0f}",
        f"{setting.busy_cores:.2f}",
        f"{setting.starts_in:.2f} s",
    )
