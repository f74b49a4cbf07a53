"""Process 0: counts the others in, and notices who is lost."""

import contextlib
import dataclasses
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

from vit_jax.errors import InputError
from vit_jax.train.hosts.forward import free_port, serve
from vit_jax.train.hosts.line import BEAT_SECONDS, Line, Peer
from vit_jax.train.hosts.lost import Loss

CLOSED = "was lost: its connection closed, as when a process is killed"
_HELLO_SECONDS = 10.0


class Coordinator:
    """The end of all lines. Every process hears from it who was lost."""

    def __init__(
        self,
        me: Peer,
        *,
        port: int,
        count: int,
        same: Mapping[str, str],
        silence: float,
        loss: Loss,
    ):
        self._me, self._count, self._same = me, count, same
        self._silence, self._loss = silence, loss
        self._server = _listen(port)
        self._changed = threading.Condition()
        self._peers, self._lines = {0: me}, dict[int, Line]()
        self._fault, self._gathered = "", False
        self._done: set[int] = set()
        self._closed = threading.Event()
        self.jax_port = free_port()
        for target in (self._accept, self._beat):
            threading.Thread(target=target, daemon=True).start()

    def gather(self, seconds: float) -> tuple[Peer, ...]:
        """Returns all processes, by index, as soon as all have come.

        Raises:
          InputError: some have not, or they do not fit together; all are told so.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._fault or len(self._peers) == self._count, seconds
            )
            missing = sorted(set(range(self._count)) - set(self._peers))
            if missing and not self._fault:
                self._fault = (
                    f"after {seconds:g} s {_name(missing)} of {self._count} had not"
                    f" come; those that had: {', '.join(map(str, self._found()))}. See"
                    " what they say, or give them longer with hosts.timeout_seconds."
                )
            if self._fault:
                for line in self._lines.values():
                    line.send("refused", why=self._fault)
                raise InputError(self._fault)
            self._gathered = True
            peers = [dataclasses.astuple(peer) for peer in self._found()]
            for line in self._lines.values():
                line.send("welcome", peers=peers)
            return tuple(self._found())

    def finish(self) -> None:
        """Returns when every process has come to its end, or one was lost."""
        with self._changed:
            while len(self._done) < self._count - 1 and not self._loss.wait(0):
                self._changed.wait(0.2)
            for line in self._lines.values():
                line.send("over")

    def fail(self, why: str) -> None:
        """Tells all others that this process stops."""
        self._tell_others(f"{self._me} {why}", but=0)

    def close(self) -> None:
        self._closed.set()
        # A thread that accepts is not woken by closing alone.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for line in list(self._lines.values()):
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:  # closed
                return
            threading.Thread(
                target=self._serve, args=(Line(connection),), daemon=True
            ).start()

    def _serve(self, line: Line) -> None:
        try:
            hello = line.receive(_HELLO_SECONDS)
        except TimeoutError:
            hello = None
        kind = hello["kind"] if hello else ""
        if kind == "jax":
            serve(line, self.jax_port)
            return
        if hello and kind == "hello":
            peer = Peer(*hello["peer"])
            if self._admit(line, peer, hello):
                self._follow(line, peer)
                return
        line.close()

    def _admit(self, line: Line, peer: Peer, hello: Mapping[str, Any]) -> bool:
        """Counts a process in, or tells it why not, which stops all that wait."""
        with self._changed:
            if why := self._find_fault(peer, hello["same"]):
                # Before the wait is over, which ends this process.
                line.send("refused", why=why)
            else:
                self._peers[peer.index], self._lines[peer.index] = peer, line
            self._fault = self._fault or why
            self._changed.notify_all()
            return not why

    def _find_fault(self, peer: Peer, theirs: Mapping[str, str]) -> str:
        """Returns why a process cannot be counted in; '' where it can."""
        if self._gathered:
            return (
                f"{peer} came to a run that has all its processes: wait until they have"
                " stopped, then start all of them."
            )
        ours = {**self._same, "hosts.count": str(self._count)}
        differing = [
            f"{name} is {ours[name]} in {self._me}, {theirs.get(name)} in {peer}"
            for name in ours
            if ours[name] != theirs.get(name)
        ]
        if differing:
            return f"all processes must agree, but {'; '.join(differing)}."
        # The same process may come again, after a connection that broke.
        if (other := self._peers.get(peer.index, peer)) != peer:
            return (
                f"process {peer.index} came twice: as pid {other.pid} on {other.host}"
                f" and as pid {peer.pid} on {peer.host}. Give each its own hosts.index."
            )
        return ""

    def _follow(self, line: Line, peer: Peer) -> None:
        """Reads what a process says until it ends."""
        while True:
            try:
                message = line.receive(self._silence)
            except TimeoutError:
                why = f"was lost: nothing was heard of it for {self._silence:g} s"
                break
            if message is None:
                why = CLOSED
                break
            if message["kind"] == "failed":
                why = message["why"]
                break
            assert message["kind"] == "done", message
            with self._changed:
                self._done.add(peer.index)
                self._changed.notify_all()
        with self._changed:
            if not self._gathered:  # it may come again
                if self._lines.get(peer.index) is line:
                    del self._peers[peer.index], self._lines[peer.index]
                line.close()
            elif peer.index not in self._done:
                self._loss.tell(f"{peer} {why}")
                self._tell_others(f"{peer} {why}", but=peer.index)

    def _tell_others(self, what: str, *, but: int) -> None:
        for index, line in self._lines.items():
            if index != but:
                line.send("lost", what=what)

    def _beat(self) -> None:
        while not self._closed.wait(BEAT_SECONDS):
            with self._changed:
                lines = list(self._lines.values())
            for line in lines:
                line.send("alive")

    def _found(self) -> list[Peer]:
        return [self._peers[index] for index in sorted(self._peers)]


def _listen(port: int) -> socket.socket:
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True
            )
        return socket.create_server(("", port))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise InputError(
            f"process 0 cannot listen on port {port} ({reason}): another process 0 or"
            " another program has it. Stop that, or give all processes another port in"
            " hosts.coordinator."
        ) from error


def _name(indices: list[int]) -> str:
    names = ", ".join(map(str, indices[:20])) + (", ..." if indices[20:] else "")
    return f"process{'es' if len(indices) > 1 else ''} {names}"
