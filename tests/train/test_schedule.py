import numpy as np
import pytest

from vit_jax.train.optim_config import OptimConfig
from vit_jax.train.schedule import make_schedule


def rates(steps, *, at, **changes):
    config = OptimConfig(learning_rate=1.0, **changes)
    schedule = make_schedule(config, steps)
    return [float(schedule(np.int32(step))) for step in at]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"final_learning_rate": 0.1}, [0, 0.5, 1.0, 0.55, 0.1]),
        (
            {"schedule": "linear", "final_learning_rate": 0.2},
            [0, 0.5, 1.0, 0.6, 0.2],
        ),
        ({"schedule": "constant"}, [0, 0.5, 1.0, 1.0, 1.0]),
        (
            {"schedule": "rsqrt", "rsqrt_timescale": 50},
            [0, 0.5, 1.0, 1 / 2**0.5, 1 / 3**0.5],
        ),
    ],
    ids=["cosine", "linear", "constant", "rsqrt"],
)
def test_it_warms_up_to_the_peak_and_goes_on_as_chosen(changes, expected):
    found = rates(110, at=(0, 5, 10, 60, 110), warmup_steps=10, **changes)
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant", "rsqrt"])
def test_without_a_warm_up_it_begins_at_the_peak(schedule):
    assert rates(100, at=(0,), schedule=schedule) == [1.0]


@pytest.mark.parametrize(
    ("changes", "level"),
    [({"schedule": "constant"}, 1.0), ({"schedule": "rsqrt"}, 1 / 1.008**0.5)],
    ids=["constant", "rsqrt"],
)
def test_a_cooldown_is_a_line_to_the_final_rate(changes, level):
    found = rates(
        110,
        at=(10, 90, 100, 110),
        warmup_steps=10,
        cooldown_steps=20,
        final_learning_rate=0.1,
        **changes,
    )
    expected = [1.0, level, (level + 0.1) / 2, 0.1]
    assert found == pytest.approx(expected, abs=1e-6)
