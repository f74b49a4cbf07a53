import json

import pytest

from vit_jax.train.report.goodput import GOODPUT, Goodput, clock, process_age


def spend(goodput, **seconds):
    """Lets time pass in phases, without waiting for it."""
    for phase, each in seconds.items():
        goodput.at(phase)
        goodput.last -= each


def shares(folder):
    return json.loads((folder / GOODPUT).read_text())


def test_all_time_goes_somewhere_and_steps_are_the_good_part(tmp_path):
    goodput = Goodput(tmp_path)
    spend(goodput, start_up=3, restore=1, compile=4, data=2, steps=80, evaluation=5)
    spend(goodput, save=4.5)
    goodput.save(100)
    found = shares(tmp_path)
    assert found["goodput"] == pytest.approx(80 / 99.5, abs=1e-3)
    assert sum(found["seconds"].values()) == pytest.approx(99.5, abs=0.1)
    assert sum(found["shares"].values()) == pytest.approx(1, abs=1e-3)
    assert str(goodput).startswith(
        "goodput 80 % of 1:39: steps 80.0 s, evaluation 5.0 s, saves 4.5 s, compile"
    )


def test_a_kill_loses_what_came_after_the_save_that_is_gone_back_to(tmp_path):
    first = Goodput(tmp_path)
    spend(first, start_up=2)
    first.resume(0)
    spend(first, compile=3, steps=50, save=1)
    first.save(100)
    spend(first, data=4, steps=20)
    first.write()  # at a log; here it is killed
    second = Goodput(tmp_path)
    spend(second, start_up=2, restore=1)
    second.resume(100)
    spend(second, compile=3, steps=30)
    second.save(150)
    found = shares(tmp_path)
    assert found["starts"] == 2
    wanted = {
        "start_up": 4, "restore": 1, "compile": 6, "data": 0, "steps": 80,
        "evaluation": 0, "save": 1, "lost": 24,
    }  # fmt: skip
    assert found["seconds"] == pytest.approx(wanted, abs=0.1)
    assert " in 2 starts: steps 80.0 s, lost 24.0 s, " in str(second)


def test_a_run_killed_before_its_first_save_lost_its_steps(tmp_path):
    first = Goodput(tmp_path)
    spend(first, start_up=2)
    first.resume(0)
    spend(first, compile=3, steps=7)
    first.write()
    second = Goodput(tmp_path)
    second.resume(0)
    assert second.seconds["lost"] == pytest.approx(10, abs=0.1)
    assert second.seconds["start_up"] == pytest.approx(2, abs=0.1)
    assert second.seconds["steps"] == 0


def test_steps_that_a_run_goes_back_for_are_lost_each_time(tmp_path):
    goodput = Goodput(tmp_path)
    goodput.resume(0)
    spend(goodput, steps=10)
    goodput.save(5)
    for times in (1, 2):
        spend(goodput, steps=4, restore=1)
        goodput.go_back(5)
        assert goodput.seconds["lost"] == pytest.approx(5 * times, abs=0.1)
        assert goodput.seconds["steps"] == pytest.approx(10, abs=0.1)


def test_after_a_stop_that_saved_nothing_is_lost(tmp_path):
    first = Goodput(tmp_path)
    first.resume(0)
    spend(first, steps=10)
    first.save(5)
    spend(first, save=2)  # the write behind the last step is awaited
    first.close(5)
    second = Goodput(tmp_path)
    second.resume(5)
    assert second.seconds["lost"] == 0
    assert second.seconds["save"] == pytest.approx(2, abs=0.1)


def test_a_file_that_is_damaged_is_begun_anew(tmp_path):
    (tmp_path / GOODPUT).write_text('{"starts": 2, "seconds": {}')
    goodput = Goodput(tmp_path)
    goodput.resume(5)
    goodput.write()
    assert shares(tmp_path)["starts"] == 1


def test_a_process_is_older_than_its_test_and_times_are_read_easily():
    assert 0 < process_age() < 1e5
    assert [clock(s) for s in (0, 62.9, 3723)] == ["0:00", "1:02", "1:02:03"]
