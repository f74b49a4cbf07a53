"""A line to another process: short messages, and noticing that it has gone silent."""

import contextlib
import dataclasses
import json
import socket
import threading
from collections.abc import Mapping
from typing import Any

BEAT_SECONDS = 1.0
LONGEST = 1 << 20


@dataclasses.dataclass(frozen=True)
class Peer:
    """One process of the run."""

    index: int
    host: str
    pid: int

    def __str__(self) -> str:
        return f"process {self.index} (pid {self.pid} on {self.host})"


class Line:
    """A TCP connection that carries one JSON object a line."""

    def __init__(self, connection: socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self._file = connection.makefile("rb")
        self._sending = threading.Lock()

    def send(self, kind: str, **fields: Any) -> None:
        """Sends a message. What cannot be sent is dropped: the reader notices why."""
        with self._sending, contextlib.suppress(OSError):
            self.connection.sendall(
                json.dumps({"kind": kind, **fields}).encode() + b"\n"
            )

    def receive(self, seconds: float) -> Mapping[str, Any] | None:
        """Returns the next message, signs of life left out; None at the end.

        Raises:
          TimeoutError: there was no sign of life for so many seconds.
        """
        while True:
            try:
                self.connection.settimeout(seconds)
                message = json.loads(self._file.readline(LONGEST))
            except TimeoutError:
                raise
            except (OSError, ValueError):
                return None
            if not isinstance(message, dict) or "kind" not in message:
                return None
            if message["kind"] != "alive":
                return message

    def close(self) -> None:
        # The other side hears of it even while a thread here still reads.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self._file.close()
        self.connection.close()
