"""JAX's own traffic between the processes, carried so that no loss aborts them.

JAX's coordination client ends its process with a C++ stack dump the moment that the
connection to process 0 closes, before anything can be said about it. So it connects to
its own machine, and this module carries its bytes on. When process 0 is lost, the local
connection stays open and silent, and `Loss` has the time to speak.
"""

import contextlib
import os
import socket
import threading
import time

from vit_jax.train.hosts.line import Line

LOCAL = "127.0.0.1"
CHUNK = 1 << 16
_SERVICE_SECONDS = 60.0


class Forward:
    """A local port whose connections end at JAX's service in process 0."""

    def __init__(self, address: tuple[str, int]):
        self._address = address
        self._server = socket.create_server((LOCAL, 0))
        self._kept: list[socket.socket] = []
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._server.accept()
            self._kept.append(near)
            # Where process 0 is gone, the connection is kept, and nothing comes.
            with contextlib.suppress(OSError):
                far = socket.create_connection(self._address)
                self._kept.append(far)
                Line(far).send("jax")
                if far.recv(1):
                    carry(near, far, keep=True)


def serve(line: Line, port: int) -> None:
    """Carries a connection to JAX's service, in process 0, where it is yet to start."""
    deadline = time.monotonic() + _SERVICE_SECONDS
    while time.monotonic() < deadline:
        try:
            service = socket.create_connection((LOCAL, port))
        except OSError:
            time.sleep(0.05)
            continue
        line.connection.settimeout(None)
        line.connection.sendall(b"+")
        carry(service, line.connection, keep=False)
        return


def carry(near: socket.socket, far: socket.socket, *, keep: bool) -> None:
    """Copies both ways.

    Args:
      keep: `near` does not hear of the end of `far`.
    """

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK):
                sink.sendall(chunk)
        if source is near or not keep:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    for side in (near, far):
        side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for ends in ((near, far), (far, near)):
        threading.Thread(target=copy, args=ends, daemon=True).start()


def free_port() -> int:
    """Returns a local port that nobody uses now."""
    with socket.create_server((LOCAL, 0)) as server:
        return server.getsockname()[1]


def bypass_proxy() -> None:
    """Keeps gRPC from asking a proxy for the way to this machine."""
    name = "no_grpc_proxy"  # in small letters only
    known = os.environ.get(name) or os.environ.get("no_proxy")
    os.environ[name] = ",".join(filter(None, [known, LOCAL]))
