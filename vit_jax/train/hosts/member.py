"""Every process but 0: comes to the coordinator, and hears from it who is lost."""

import dataclasses
import socket
import threading
import time
from collections.abc import Mapping

from vit_jax.errors import InputError
from vit_jax.train.hosts.coordinator import CLOSED
from vit_jax.train.hosts.forward import Forward
from vit_jax.train.hosts.line import BEAT_SECONDS, Line, Peer
from vit_jax.train.hosts.lost import Loss

_TRY_SECONDS = 5.0
# Process 0 gives a sign of life every second while it waits for the others.
_ANSWER_SECONDS = 10.0
_PAUSE_SECONDS = 0.3


class Member:
    """One end of one line, to the coordinator."""

    def __init__(
        self,
        me: Peer,
        *,
        address: tuple[str, int],
        same: Mapping[str, str],
        silence: float,
        loss: Loss,
    ):
        self._me, self._same, self._address = me, same, address
        self._silence, self._loss = silence, loss
        self._over, self._closed = threading.Event(), threading.Event()
        self._line: Line | None = None
        self._first = Peer(0, address[0], 0)

    def gather(self, seconds: float) -> tuple[Peer, ...]:
        """Returns all processes, by index, as soon as all have come.

        Raises:
          InputError: some have not, or they do not fit together.
        """
        threading.Thread(target=self._beat, daemon=True).start()
        deadline, peers = time.monotonic() + seconds, None
        tried = "nobody answered"
        while peers is None:
            try:
                peers = self._ask()
                tried = "who answers there does not speak as process 0 of a run"
            except TimeoutError:
                tried = "nobody answered"
            except OSError as error:
                tried = error.strerror or str(error)
            if peers is None and time.monotonic() > deadline:
                host, port = self._address
                raise InputError(
                    f"after {seconds:g} s process 0 had not come: {host}:{port}:"
                    f" {tried}. Start process 0 on {host}, see what it says if it has"
                    " ended already, or correct hosts.coordinator."
                )
            time.sleep(0 if peers else _PAUSE_SECONDS)
        self._first = peers[0]
        threading.Thread(target=self._follow, daemon=True).start()
        self.jax_port = Forward(self._address).port
        return peers

    def finish(self) -> None:
        """Returns when every process has come to its end, or one was lost."""
        self._send("done")
        while not self._over.wait(0.2) and not self._loss.wait(0):
            pass

    def fail(self, why: str) -> None:
        """Tells all others that this process stops."""
        self._send("failed", why=why)

    def close(self) -> None:
        self._closed.set()
        if self._line:
            self._line.close()

    def _ask(self) -> tuple[Peer, ...] | None:
        """Says hello once and waits for the answer; None where there is none."""
        connection = socket.create_connection(self._address, timeout=_TRY_SECONDS)
        line = Line(connection)
        line.send("hello", peer=dataclasses.astuple(self._me), same=dict(self._same))
        self._line = line
        try:
            answer = line.receive(_ANSWER_SECONDS)
        except TimeoutError:
            line.close()
            raise
        if answer and answer["kind"] == "welcome":
            return tuple(Peer(*peer) for peer in answer["peers"])
        line.close()
        if answer and answer["kind"] == "refused":
            raise InputError(answer["why"])
        return None

    def _follow(self) -> None:
        """Reads what the coordinator says until it ends."""
        assert self._line
        while True:
            try:
                message = self._line.receive(self._silence)
            except TimeoutError:
                self._loss.tell(
                    f"{self._first} was lost: nothing was heard of it for"
                    f" {self._silence:g} s"
                )
                return
            if message is None:
                if not self._over.is_set():
                    self._loss.tell(f"{self._first} {CLOSED}")
                return
            if message["kind"] == "lost":
                self._loss.tell(message["what"])
            elif message["kind"] == "over":
                self._over.set()

    def _send(self, kind: str, **fields: str) -> None:
        if self._line:
            self._line.send(kind, **fields)

    def _beat(self) -> None:
        while not self._closed.wait(BEAT_SECONDS):
            self._send("alive")
