import time

import jax
import jax.numpy as jnp
import pytest

from vit_jax.train.report.pace import Pace, find_percentiles


def test_at_most_so_many_steps_wait_and_each_is_timed_once(monkeypatch):
    seen = []

    def wait(result):
        time.sleep(0.002)
        seen.append(int(result))

    monkeypatch.setattr(jax, "block_until_ready", wait)
    pace = Pace(2)
    for number in range(5):
        pace.add(jnp.int32(number))
    assert seen == [0, 1, 2]
    pace.drain()
    assert seen == [0, 1, 2, 3, 4]
    assert len(pace.seconds) == 5
    assert min(pace.seconds) >= 0.002
    pace.restart()
    assert not pace.seconds


def test_percentiles_are_times_that_were_measured():
    hundred = [float(s) for s in range(1, 101)]
    assert find_percentiles(hundred[::-1]) == {
        "step_seconds_p50": 50,
        "step_seconds_p90": 90,
        "step_seconds_p99": 99,
        "step_seconds_max": 100,
    }
    assert set(find_percentiles([3.0]).values()) == {3.0}
    assert find_percentiles([]) == {}
    assert find_percentiles([1.0, 2.0])["step_seconds_p50"] == pytest.approx(1)
