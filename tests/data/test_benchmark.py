import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from tests.data.photographs import Photographs
from vit_jax.data.benchmark import benchmark, look_at_some
from vit_jax.data.benchmark_report import BenchmarkReport
from vit_jax.data.bottleneck import find_bottleneck
from vit_jax.data.cores import count_cores, measure_free_cores
from vit_jax.data.sources import Digits
from vit_jax.data.stopwatch import Stopwatch
from vit_jax.data.timings import Cost, Parts, Setting, Stored, Timings
from vit_jax.data.transforms import AsIs, EvalCrop, TrainCrop
from vit_jax.errors import InputError

BRIEF = {"batch_size": 4, "seconds": 0.01}


@pytest.fixture(autouse=True)
def brief_probe(monkeypatch):
    monkeypatch.setattr("vit_jax.data.benchmark.PROBE_SECONDS", 0.005)


def photographs(length, damaged=()) -> Any:
    return Photographs(length, damaged)


def setting(rate, *, threads=0, workers=0, busy=1.0):
    """Returns what a setting gave that made so many images a second."""
    return Setting(
        num_threads=threads,
        num_workers=workers,
        starts_in=0.1,
        images=2 * rate,
        seconds=2.0,
        processor_seconds=2 * busy,
    )


def cost(milliseconds, waited=0.0):
    return Cost(
        seconds=(milliseconds + waited) / 1e3, processor_seconds=milliseconds / 1e3
    )


# Four cores on which decoding scales as it should.
JPEGS = Timings(
    num_images=10_000,
    image_shape=(224, 224, 3),
    batch_size=64,
    crop_is_random=True,
    is_prepared=False,
    decoder="simplejpeg 1, OpenCV 5",
    lacks_fast_data=False,
    cores=4,
    free_cores=3.9,
    stored=Stored(format="JPEG RGB", rows=375, columns=500),
    parts=Parts(reading=cost(0.1), decoding=cost(1.8), batching=cost(0.1)),
    settings=(
        setting(500),
        setting(510, threads=1, busy=1.0),
        setting(1900, threads=4, busy=3.8),
        setting(1950, threads=8, busy=3.9),
        setting(480, workers=1, busy=1.0),
        setting(1850, workers=4, busy=3.9),
    ),
    images_seen=5_000,
    broken=0,
)


def changed(**values):
    return dataclasses.replace(JPEGS, **values)


def verdict(**values):
    return find_bottleneck(changed(**values))


def test_busy_cores_mean_that_the_processor_limits():
    found = find_bottleneck(JPEGS)
    assert found.limit == "processor"
    assert found.text == (
        "The processor: 4 threads kept 3.8 cores busy, 90 % of it with decoding and"
        " cropping."
    )


def test_of_settings_as_fast_the_one_with_the_fewest_threads_is_best():
    assert find_bottleneck(JPEGS).flags == "--data.num-threads 4"
    one, none = setting(490, threads=1), setting(500)
    assert changed(settings=(none, one)).best == one  # it reads while a step runs
    assert changed(settings=(setting(600), one)).best == setting(600)
    processes = setting(500, workers=2)
    assert changed(settings=(processes, none)).best == none
    found = verdict(settings=(one, setting(900, workers=2)))
    assert found.flags == "--data.num-workers 2"


def test_what_makes_decoding_cheaper_is_told_where_it_applies():
    assert "What helps" not in find_bottleneck(JPEGS).text
    found = verdict(lacks_fast_data=True)
    assert found.text.endswith(
        " What helps: pip install '.[fast-data]', which decodes JPEG faster than"
        " Pillow."
    )
    found = verdict(stored=Stored(format="JPEG RGB", rows=3000, columns=4000))
    assert "smaller copies of the images, which are 3000 x 4000" in found.text
    found = verdict(crop_is_random=False)
    assert "--data.in-memory True keeps all decoded, in 1,505 MB" in found.text
    assert "in-memory" not in verdict(crop_is_random=False, num_images=10**6).text


def test_what_is_dear_to_read_is_prepared_once():
    parts = Parts(reading=cost(3.0), decoding=cost(1.0), batching=cost(0.1))
    found = verdict(parts=parts)
    assert "73 % of it with reading" in found.text
    assert "vit-jax data prepare" in found.text
    assert "vit-jax data prepare" not in verdict(parts=parts, is_prepared=True).text


WAITING = Parts(reading=cost(0.4, waited=20.0), decoding=cost(1.8), batching=cost(0.1))


def test_reading_that_waits_means_that_the_storage_limits():
    many = setting(190, threads=4, busy=0.4)
    more = setting(380, threads=8, busy=0.8)
    found = verdict(parts=WAITING, settings=(setting(45, threads=1), many, more))
    assert found.limit == "storage"
    assert "20.4 ms to arrive, in which the processor works 0.4 ms" in found.text
    assert "8 threads read 8.4 times as fast as 1 thread" in found.text
    assert "try --num-threads 16" in found.text
    found = verdict(parts=WAITING, settings=(setting(45, threads=1), many))
    assert "4 threads read 4.2 times" in found.text


def test_more_threads_are_not_advised_where_they_did_not_help():
    one, many = setting(45, threads=1), setting(46, threads=8)
    found = verdict(parts=WAITING, settings=(one, many))
    assert found.text.endswith("Reading many at once is no faster.")
    assert found.flags == "--data.num-threads 1"


def test_enough_threads_make_of_a_slow_storage_a_busy_processor():
    assert verdict(parts=WAITING).limit == "processor"


def test_what_waits_for_a_core_does_not_wait_for_the_storage():
    """Other programs make reading and decoding wait alike."""
    parts = Parts(
        reading=cost(3.0, waited=9.0),
        decoding=cost(1.0, waited=3.0),
        batching=cost(0.1),
    )
    idle = (setting(50, threads=1, busy=0.2),)
    assert verdict(parts=parts, settings=idle).limit != "storage"


def test_processes_that_outdo_as_many_threads_show_pythons_lock():
    threads = setting(520, threads=4, busy=1.1)
    workers = setting(1800, workers=4, busy=3.8)
    found = verdict(settings=(setting(500, threads=1), threads, workers))
    assert found.limit == "python"
    assert "4 threads make 520 images/s, 4 processes 1,800" in found.text
    assert found.flags == "--data.num-workers 4"


def test_the_lock_is_not_blamed_without_as_many_threads_as_processes():
    workers = setting(1800, workers=4, busy=3.8)
    assert verdict(settings=(setting(500, threads=1), workers)).limit == "processor"
    assert verdict(settings=(workers,)).limit == "processor"


def test_the_lock_is_not_blamed_where_threads_leave_no_core_idle():
    threads = setting(1000, threads=4, busy=3.8)
    workers = setting(1800, workers=4, busy=3.8)
    assert verdict(settings=(threads, workers)).limit == "processor"


def test_pixels_that_are_only_copied_cost_nothing():
    parts = Parts(reading=cost(0.002), decoding=cost(0.002), batching=cost(0.01))
    stored = Stored(format="pixels", rows=28, columns=28)
    found = verdict(parts=parts, stored=stored)
    assert found.limit == "nothing"
    assert "costs next to nothing: images come as pixels, and one takes 14 mic" in (
        found.text
    )
    assert verdict(stored=stored).limit == "processor"  # resizing takes its time


def test_a_limit_that_was_not_reached_is_not_named():
    found = verdict(settings=(setting(500), setting(990, threads=2, busy=2.0)))
    assert found.limit == "untried"
    assert "Try --num-threads 4 8" in found.text


def test_an_unknown_limit_is_told_as_such():
    idle = setting(700, threads=8, busy=1.2)
    found = verdict(settings=(idle,))
    assert found.limit == "unknown"
    assert "8 threads kept 1.2 of 3.9 free cores busy" in found.text
    assert "Try --num-workers 4 too" in found.text
    assert "Try --num-threads 4" in verdict(settings=(setting(9, workers=4),)).text
    both = (idle, setting(710, workers=4, busy=1.2))
    assert verdict(settings=both).text.endswith("with more --seconds.")


def test_only_free_cores_can_be_busy():
    """Where others run, decoding takes what they leave."""
    found = verdict(settings=(setting(700, threads=4, busy=1.2),), free_cores=1.2)
    assert found.limit == "processor"


def test_the_report_is_a_few_lines_and_two_tables():
    lines = str(BenchmarkReport(JPEGS)).splitlines()
    assert lines[0] == "10,000 images, JPEG RGB, 375 x 500 (median of a few)"
    assert lines[3] == "4 cores, of which 3.9 were free"
    assert lines[6].split() == ["reading", "100", "100"]
    assert [i for i, line in enumerate(lines) if not line] == [4, 10, 18]
    table = [line.split() for line in lines[11:18]]
    assert table[0][:3] == ["threads", "processes", "images/s"]
    assert table[3] == ["4", "-", "1,900", "500", "3.80", "0.10", "s"]
    assert table[6] == ["-", "4", "1,850", "474", "3.90", "0.10", "s"]
    assert lines[-2].startswith("limit: The processor")
    assert lines[-1] == "best for train.py: --data.num-threads 4"


def test_the_report_tells_of_broken_images_and_of_other_programs():
    assert "note" not in str(BenchmarkReport(JPEGS))
    told = str(BenchmarkReport(changed(broken=3, free_cores=2.0)))
    assert "note: 3 of 5,000 images seen are broken" in told
    assert "note: other programs used the cores" in told


def test_a_time_too_short_to_tell_is_left_out():
    short = setting(500, workers=1, busy=0.0)
    assert short.images_per_core_second is None
    told = str(BenchmarkReport(changed(settings=(short,))))
    assert ["-", "1", "500", "-", "0.00", "0.10", "s"] in [
        line.split() for line in told.splitlines()
    ]


def test_the_fields_are_those_of_json():
    fields = BenchmarkReport(JPEGS).to_fields()
    assert json.loads(json.dumps(fields))["settings"][2]["images_per_second"] == 1900
    assert fields["verdict"]["limit"] == "processor"
    assert fields["parts"]["decoding"]["seconds"] == pytest.approx(0.0018)


def test_every_setting_and_part_is_timed():
    found = benchmark(photographs(20), TrainCrop(32), num_threads=(0, 2), **BRIEF)
    assert [(s.num_threads, s.num_workers) for s in found.settings] == [(0, 0), (2, 0)]
    for each in found.settings:
        assert each.images % (4 * max(1, each.num_threads)) == 0  # whole rounds
        assert each.images > 0
        assert 0 < each.starts_in < math.inf
    for part in (found.parts.reading, found.parts.decoding, found.parts.whole):
        assert part.seconds > 0
    assert found.image_shape == (32, 32, 3)
    assert found.stored == Stored(format="JPEG RGB", rows=45, columns=60)
    assert (found.num_images, found.images_seen, found.broken) == (20, 20, 0)
    assert found.cores == count_cores()
    assert str(BenchmarkReport(found))


def test_worker_processes_are_timed_without_their_start(monkeypatch):
    ended = iter((0.0, 60.0, 60.0, 160.0))  # a start alone, then one with batches
    monkeypatch.setattr("vit_jax.data.benchmark._children_seconds", ended.__next__)
    found = benchmark(
        Digits(), AsIs(), num_threads=(), num_workers=(1,), batch_size=4, seconds=0.05
    )
    (alone,) = found.settings
    assert (alone.num_workers, alone.num_threads) == (1, 0)
    assert 40 <= alone.processor_seconds < 50
    assert found.workers == (alone,)
    assert found.threads == ()


def test_broken_images_are_counted_once_and_others_stand_in():
    source = photographs(20, damaged=(3, 11))
    found = benchmark(source, EvalCrop(32), num_threads=(0, 1, 2), **BRIEF)
    assert (found.images_seen, found.broken) == (20, 2)


def test_the_faster_packages_are_missed_where_they_would_help(monkeypatch):
    monkeypatch.setattr("vit_jax.data.benchmark.fast_packages", lambda: None)
    cases = {TrainCrop(16): True, EvalCrop(16): False}
    for transform, missed in cases.items():
        found = benchmark(photographs(5), transform, num_threads=(0,), **BRIEF)
        assert found.lacks_fast_data is missed
    found = benchmark(Digits(), TrainCrop(16, channels=1), num_threads=(0,), **BRIEF)
    assert not found.lacks_fast_data
    assert found.decoder == ""


def test_images_that_are_all_broken_are_an_error():
    source = photographs(5, damaged=(0, 1, 2, 3, 4))
    assert look_at_some(source).format == "unknown"
    with pytest.raises(InputError, match="could none be decoded"):
        benchmark(source, TrainCrop(16), num_threads=(0,), **BRIEF)


def test_a_stopwatch_adds_up():
    watch = Stopwatch()
    for _ in range(2):
        with watch:
            np.ones(10_000).sum()
    assert watch.seconds > 0
    assert watch.share(2).seconds == watch.seconds / 2
    watch.reset()
    assert (watch.seconds, watch.processor_seconds) == (0, 0)


def test_free_cores_are_at_most_all():
    assert 0 < measure_free_cores(0.05) <= 1.5 * count_cores()
