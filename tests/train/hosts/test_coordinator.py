"""Coordinators and members, in the threads of one process."""

import dataclasses
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from vit_jax.errors import InputError
from vit_jax.train.hosts.coordinator import Coordinator
from vit_jax.train.hosts.forward import free_port
from vit_jax.train.hosts.line import Line, Peer
from vit_jax.train.hosts.lost import Loss
from vit_jax.train.hosts.member import Member


class Party:
    def __init__(self):
        self.port = free_port()
        self.links = []

    def make(self, index, *, count=2, pid=0, version="1", silence=5.0):
        me, loss = Peer(index, "node", pid or 100 + index), Loss()
        same = {"the version": version}
        if index == 0:
            link = Coordinator(
                me, port=self.port, count=count, same=same, silence=silence, loss=loss
            )
        else:
            same["hosts.count"] = str(count)
            address = ("127.0.0.1", self.port)
            link = Member(me, address=address, same=same, silence=silence, loss=loss)
        self.links.append(link)
        return link, loss


@pytest.fixture
def party(monkeypatch):
    # What is lost here is told, but ends nobody.
    monkeypatch.setattr(Loss, "_end_stuck", lambda _: None)
    party = Party()
    yield party
    for link in party.links:
        link.close()


def gather(*links, seconds=20.0):
    """Returns what each gets, or the sentence that each is refused with."""

    def one(link):
        try:
            return link.gather(seconds)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(len(links)) as pool:
        return list(pool.map(one, links))


def test_all_learn_of_all(party):
    links = [party.make(index, count=3)[0] for index in range(3)]
    everyone = tuple(Peer(index, "node", 100 + index) for index in range(3))
    assert gather(*links) == [everyone] * 3


def test_who_has_not_come_is_named_to_all(party):
    links = [party.make(index, count=4)[0] for index in (0, 2)]
    first, second = gather(*links, seconds=1.0)
    assert first == second
    assert "after 1 s processes 1, 3 of 4 had not come; those that had: process 0" in (
        first
    )


def test_a_coordinator_that_does_not_come_is_named(party):
    link, _ = party.make(1)
    (told,) = gather(link, seconds=0.5)
    assert f"process 0 had not come: 127.0.0.1:{party.port}: Connection refu" in told


def test_an_index_given_twice_stops_all(party):
    first, _ = party.make(0, count=3)
    twins = [party.make(1, count=3, pid=pid)[0] for pid in (7, 8)]
    for told in gather(first, *twins):
        assert "process 1 came twice: as pid" in told
        assert "pid 7 on node" in told
        assert "pid 8 on node" in told


@pytest.mark.parametrize(
    ("odd", "name"), [({"count": 3}, "hosts.count"), ({"version": "2"}, "the version")]
)
def test_processes_that_differ_stop_all(party, odd, name):
    links = party.make(0)[0], party.make(1, **odd)[0]
    for told in gather(*links):
        assert f"all processes must agree, but {name} is" in told


def test_a_port_that_is_taken_is_told(party):
    party.make(0)
    with pytest.raises(InputError, match=r"cannot listen on port .*already in use"):
        party.make(0)


def test_one_that_comes_late_is_sent_away_and_harms_nobody(party):
    links = party.make(0), party.make(1)
    gather(*(link for link, _ in links))
    (told,) = gather(party.make(1, pid=9)[0])
    assert "process 1 (pid 9 on node) came to a run that has all" in told
    assert not any(loss.wait(0.2) for _, loss in links)


def test_one_that_went_before_all_had_come_may_come_again(party):
    first, last = (party.make(index, count=3)[0] for index in (0, 2))
    early, _ = party.make(1, count=3, pid=7)
    with ThreadPoolExecutor(3) as pool:
        waiting = pool.submit(first.gather, 20.0)
        asking = pool.submit(early.gather, 0.0)
        while 1 not in first._lines:
            time.sleep(0.01)
        early.close()
        with pytest.raises(InputError):
            asking.result()
        while 1 in first._lines:
            time.sleep(0.01)
        pool.submit(last.gather, 20.0)
        party.make(1, count=3, pid=8)[0].gather(20.0)
        assert [peer.pid for peer in waiting.result()] == [100, 8, 102]


def test_strangers_are_ignored(party):
    links = [party.make(index)[0] for index in range(2)]
    for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"[1]\n", b'{"kind": "what"}\n'):
        with socket.create_connection(("127.0.0.1", party.port)) as stranger:
            stranger.sendall(said)
    assert len(gather(*links)[0]) == 2


def test_a_closed_connection_is_told_to_all(party):
    links = [party.make(index, count=3) for index in range(3)]
    gather(*(link for link, _ in links))
    links[2][0].close()
    for _, loss in links[:2]:
        told = str(loss.wait(5.0))
        assert "process 2 (pid 102 on node) was lost: its connection closed" in told


def test_silence_is_told(party):
    first, loss = party.make(0, silence=0.5)
    with socket.create_connection(("127.0.0.1", party.port)) as connection:
        line, peer = Line(connection), Peer(1, "node", 7)
        same = {"the version": "1", "hosts.count": "2"}
        line.send("hello", peer=dataclasses.astuple(peer), same=same)
        first.gather(5.0)
        told = str(loss.wait(5.0))
        line.close()
    assert "process 1 (pid 7 on node) was lost: nothing was heard of it for 0.5" in told


@pytest.mark.parametrize("index", [0, 2])
def test_an_error_is_told_to_the_others(party, index):
    links = [party.make(index, count=3) for index in range(3)]
    gather(*(link for link, _ in links))
    links[index][0].fail("stopped by an error: ValueError: why")
    for other in {0, 1, 2} - {index}:
        told = str(links[other][1].wait(5.0))
        assert f"process {index} (pid {100 + index} on node) stopped by an err" in told
        assert "ValueError: why" in told


def test_the_end_waits_for_all(party):
    links = [party.make(index) for index in range(2)]
    gather(*(link for link, _ in links))
    ends = [threading.Thread(target=link.finish) for link, _ in links]
    ends[0].start()
    ends[0].join(0.5)
    assert ends[0].is_alive()
    ends[1].start()
    for end in ends:
        end.join(5.0)
        assert not end.is_alive()
    links[0][0].close()  # no loss any more
    assert links[1][1].wait(0.5) is None
