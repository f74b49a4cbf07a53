import contextlib

import jax
import numpy as np
import pytest

from vit_jax.data.pipeline import train_batches
from vit_jax.data.sources import Digits
from vit_jax.train.feed import Feed
from vit_jax.train.interrupt import Agreement, InterruptGuard
from vit_jax.train.mesh import make_mesh
from vit_jax.train.mesh_config import MeshConfig

MESH = make_mesh(MeshConfig())


@pytest.fixture
def feed():
    batches = train_batches(Digits("train"), batch_size=8, seed=0, num_threads=1)
    with contextlib.closing(batches):
        yield Feed(batches, MESH)


def labels(batch):
    return np.asarray(batch["label"]).tolist()


def test_batches_come_in_turn_and_their_number_is_known(feed):
    assert feed.number == 0
    first = labels(feed.take())
    assert feed.number == 1
    assert labels(feed.take()) != first


def test_what_is_passed_never_comes_and_the_rest_stays(feed):
    whole = [labels(feed.take()) for _ in range(6)]
    feed.set_state({"next_index": 0, "passed": []})
    feed.pass_over([1, 2, 4])
    assert [labels(feed.take()) for _ in range(3)] == [whole[0], whole[3], whole[5]]


def test_the_state_has_what_is_passed(feed):
    feed.pass_over([0, 3])
    feed.take()
    state = feed.get_state()
    assert state == {"next_index": 2, "passed": [0, 3]}
    feed.take()
    expected = labels(feed.take())
    feed.set_state(state)
    feed.take()
    assert labels(feed.take()) == expected


def test_a_signal_travels_with_the_batch(feed):
    assert np.max(feed.take()["stop"]) == 0
    batch = feed.take(stop=15)
    assert np.max(batch["stop"]) == 15
    assert batch["image"].sharding.mesh == MESH


def test_one_process_alone_stops_at_once():
    guard = InterruptGuard()
    agreement = Agreement(guard)
    assert agreement.decide(jax.numpy.int32(0)) == 0
    guard.number = 2
    assert agreement.decide(jax.numpy.int32(0)) == 2


def test_many_processes_stop_at_the_step_that_all_know_of(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    agreement = Agreement(InterruptGuard())
    told = [agreement.decide(jax.numpy.int32(n)) for n in (0, 15, 15, 15, 15, 15)]
    assert told == [0, 0, 0, 0, 0, 15]
