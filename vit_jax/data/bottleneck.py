"""What limits a loader, and what helps: rules on what was measured, read in order."""

import dataclasses
from collections.abc import Callable
from typing import Literal

from vit_jax.data.timings import Setting, Timings

Limit = Literal["nothing", "storage", "python", "processor", "untried", "unknown"]

CHEAP_SECONDS = 50e-6  # an image: 20,000 a second in one thread
BUSY = 0.85  # of the cores: above it there is nothing left to win by more threads
SCALES = 1.2  # times as fast: what noise does not do
SMALL_BYTES = 2**31  # what most machines have to spare


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What limits a loader."""

    limit: Limit
    text: str
    """In a sentence or two."""
    flags: str
    """What train.py is given for the best setting."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """A limit, when it is the one, and how it is told."""

    limit: Limit
    holds: Callable[[Timings], bool]
    tell: Callable[[Timings], str]


@dataclasses.dataclass(frozen=True)
class Remedy:
    """What helps where the processor works too much for an image, and when it does."""

    applies: Callable[[Timings], bool]
    tell: Callable[[Timings], str]


def find_bottleneck(timings: Timings) -> Verdict:
    """Returns what limits a loader, by the first rule that holds."""
    rule = next(rule for rule in RULES if rule.holds(timings))
    told = [rule.tell(timings)]
    if rule.limit in ("python", "processor"):
        helps = [r.tell(timings) for r in REMEDIES if r.applies(timings)]
        told += [f"What helps: {'; '.join(helps)}."] if helps else []
    return Verdict(rule.limit, " ".join(told), timings.best.flags)


def is_cheap(timings: Timings) -> bool:
    """Tells whether images come as pixels and cost hardly more than a copy."""
    is_pixels = not timings.stored.is_encoded
    return is_pixels and timings.parts.whole.seconds < CHEAP_SECONDS


def is_busy(timings: Timings, setting: Setting | None = None) -> bool:
    """Tells whether a setting, else the best, leaves idle no core that was free."""
    return (setting or timings.best).busy_cores >= BUSY * timings.free_cores


def waits_for_reading(timings: Timings) -> bool:
    """Tells whether one thread waits most of its time for images to arrive.

    What waits in decoding too waits for a core, not for the storage.
    """
    reading, decoding = timings.parts.reading, timings.parts.decoding
    # Seconds on the clock for one of a core.
    crowded = max(1.0, decoding.seconds / max(decoding.processor_seconds, 1e-9))
    waited = reading.seconds - crowded * reading.processor_seconds
    return waited > timings.parts.whole.seconds / 2


def is_locked(timings: Timings) -> bool:
    """Tells whether threads leave cores idle that as many processes make use of."""
    if not (timings.threads and timings.workers):
        return False
    threads, workers = _fastest(timings.threads), _fastest(timings.workers)
    return (
        max(map(_width, timings.threads)) >= _width(workers)
        and not is_busy(timings, threads)
        and workers.images_per_second >= SCALES * threads.images_per_second
    )


def has_untried(timings: Timings) -> bool:
    """Tells whether the best setting is the largest, and smaller than the machine."""
    largest = max(_width(setting) for setting in timings.settings)
    return largest < timings.cores and _width(timings.best) == largest


def _tell_cheap(timings: Timings) -> str:
    micros = 1e6 * timings.parts.whole.seconds
    return (
        "The loader costs next to nothing: images come as pixels, and one takes"
        f" {micros:.0f} microseconds."
    )


def _tell_storage(timings: Timings) -> str:
    reading, best = timings.parts.reading, timings.best
    told = (
        f"The storage: an image takes {1e3 * reading.seconds:.3g} ms to arrive, in"
        f" which the processor works {1e3 * reading.processor_seconds:.2g} ms."
    )
    few = min(timings.settings, key=lambda s: _width(s) or 1.5)
    times = best.images_per_second / few.images_per_second
    if times < SCALES:
        return f"{told} Reading many at once is no faster."
    told += f" Many wait together: {_name(best)} read {times:.1f} times as fast as"
    told += f" {_name(few)}."
    if _width(best) == max(map(_width, timings.settings)):
        told += f" Even more may help: try --num-threads {2 * _width(best)}."
    return told


def _tell_lock(timings: Timings) -> str:
    threads, workers = _fastest(timings.threads), _fastest(timings.workers)
    return (
        "Python's lock, which lets one thread run at a time:"
        f" {_name(threads)} make {threads.images_per_second:,.0f} images/s,"
        f" {_name(workers)} {workers.images_per_second:,.0f}."
    )


def _tell_processor(timings: Timings) -> str:
    name, share = _largest_part(timings)
    return (
        f"The processor: {_name(timings.best)} kept"
        f" {timings.best.busy_cores:.1f} cores busy, {100 * share:.0f} % of it with"
        f" {name}."
    )


def _tell_untried(timings: Timings) -> str:
    best = timings.best
    return (
        f"Not reached: {_name(best)} kept {best.busy_cores:.1f} of"
        f" {timings.free_cores:.1f} free cores busy, and more were not tried. Try"
        f" --num-threads {timings.cores} {2 * timings.cores}."
    )


def _tell_unknown(timings: Timings) -> str:
    best = timings.best
    told = (
        f"Not found: {_name(best)} kept {best.busy_cores:.1f} of"
        f" {timings.free_cores:.1f} free cores busy, though reading hardly waits."
    )
    if timings.threads and timings.workers:
        return f"{told} Time it again, with more --seconds."
    more = "--num-threads" if timings.workers else "--num-workers"
    return f"{told} Try {more} {timings.cores} too."


def _largest_part(timings: Timings) -> tuple[str, float]:
    """Returns on what the processor works most, and the share of it."""
    parts = timings.parts
    took = {
        "reading": parts.reading.processor_seconds,
        "decoding and cropping": parts.decoding.processor_seconds,
        "batching": parts.batching.processor_seconds,
    }
    name = max(took, key=lambda name: took[name])
    return name, took[name] / max(parts.whole.processor_seconds, 1e-9)


def _is_large(timings: Timings) -> bool:
    rows, columns, _ = timings.image_shape
    return timings.stored.rows >= 2 * rows and timings.stored.columns >= 2 * columns


def _reads_most(timings: Timings) -> bool:
    return _largest_part(timings)[0] == "reading" and not timings.is_prepared


def _can_be_held(timings: Timings) -> bool:
    return not timings.crop_is_random and timings.decoded_bytes <= SMALL_BYTES


def _fastest(settings: tuple[Setting, ...]) -> Setting:
    return max(settings, key=lambda setting: setting.images_per_second)


def _width(setting: Setting) -> int:
    return setting.num_workers or setting.num_threads


def _name(setting: Setting) -> str:
    count, kind = setting.num_threads, "threads"
    if setting.num_workers:
        count, kind = setting.num_workers, "processes"
    singular = {"threads": "thread", "processes": "process"}
    return f"{count or 'no'} {singular[kind] if count == 1 else kind}"


RULES = (
    Rule("nothing", is_cheap, _tell_cheap),
    Rule("storage", lambda t: waits_for_reading(t) and not is_busy(t), _tell_storage),
    Rule("python", is_locked, _tell_lock),
    Rule("processor", is_busy, _tell_processor),
    Rule("untried", has_untried, _tell_untried),
    Rule("unknown", lambda _: True, _tell_unknown),
)

REMEDIES = (
    Remedy(
        _can_be_held,
        lambda t: (
            "--data.in-memory True keeps all decoded, in"
            f" {t.decoded_bytes / 1e6:,.0f} MB"
        ),
    ),
    Remedy(
        lambda t: t.lacks_fast_data,
        lambda _: "pip install '.[fast-data]', which decodes JPEG faster than Pillow",
    ),
    Remedy(
        _is_large,
        lambda t: (
            "smaller copies of the images, which are"
            f" {t.stored.rows} x {t.stored.columns}"
        ),
    ),
    Remedy(
        _reads_most,
        lambda _: "vit-jax data prepare, after which each image is read by itself",
    ),
)
