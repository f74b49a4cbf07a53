"""Brings the processes of one run together, and takes them apart again.

JAX's own runtime (`jax.distributed`) joins the devices. What comes before and beside it
is ours, because JAX aborts with a C++ stack dump that names nobody when a process does
not come, comes twice or is lost: a TCP line from every process to process 0, on which
they are counted in and give a sign of life every second. JAX's own traffic goes over
the same port.
"""

import contextlib
import dataclasses
import os
import socket
from collections.abc import Generator, Mapping

import jax

from vit_jax.errors import InputError
from vit_jax.train.hosts.config import HostsConfig, parse_address
from vit_jax.train.hosts.coordinator import Coordinator
from vit_jax.train.hosts.forward import LOCAL, bypass_proxy
from vit_jax.train.hosts.launcher import Place, find_place
from vit_jax.train.hosts.line import Peer
from vit_jax.train.hosts.lost import Loss, LostError, end_at_exit
from vit_jax.train.hosts.member import Member
from vit_jax.train.interrupt import Interrupted

_LEARN_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class Hosts:
    """The processes of a run, seen from one of them."""

    index: int
    peers: tuple[Peer, ...]
    """All, by index; this one too."""
    loss: Loss

    @property
    def count(self) -> int:
        return len(self.peers)

    def check(self) -> None:
        """Raises LostError where a process is lost; costs next to nothing."""
        if self.count > 1 and (lost := self.loss.wait(0)):
            raise lost

    def explain(self, error: BaseException) -> LostError | None:
        """Returns whose loss an error comes from; None for a fault of our own.

        An error of JAX's runtime, as "Gloo all-reduce failed: Connection closed by
        peer", waits some seconds to learn it.
        """
        if isinstance(error, LostError):
            return error
        if self.count == 1:
            return None
        foreign = isinstance(error, jax.errors.JaxRuntimeError)
        return self.loss.wait(_LEARN_SECONDS if foreign else 0)


@contextlib.contextmanager
def join(
    config: HostsConfig, *, same: Mapping[str, str] | None = None
) -> Generator[Hosts]:
    """Joins this process with the others of its run, before jax is used in any way.

    At the end each waits for all. After an error, but for Interrupted, which all raise
    at the same step, none waits: the others get a LostError or are ended within
    seconds, and this program ends with the error's exit code.

    Args:
      same: what must be equal in all processes, by name, such as a config's digest.

    Raises:
      InputError: not all processes came in time, or they do not fit together.
      LostError: another process was lost, or stopped by an error.
    """
    place = find_place(config) if config.coordinator else Place("", 1, 0)
    me, loss = Peer(place.index, socket.gethostname(), os.getpid()), Loss()
    if place.count == 1:
        yield Hosts(0, (me,), loss)
        return
    link = _link(config, place, me, dict(same or {}), loss)
    try:
        hosts = Hosts(place.index, link.gather(config.timeout_seconds), loss)
    except BaseException:
        link.close()
        raise
    try:
        _start_jax(config, place, link.jax_port)
        yield hosts
    except Interrupted:
        _finish(hosts, link)
        raise
    except BaseException as error:
        lost = hosts.explain(error)
        loss.leave()
        end_at_exit(1 if lost else _exit_code(error))
        if lost is None:
            link.fail(f"stopped by an error: {_first_line(error)}")
            raise
        raise lost from (None if lost is error else error)
    _finish(hosts, link)


def _link(
    config: HostsConfig, place: Place, me: Peer, same: dict[str, str], loss: Loss
) -> Coordinator | Member:
    same |= {"the version of jax": jax.__version__}
    silence, (host, port) = config.lost_after_seconds, parse_address(place.address)
    if me.index:
        same |= {"hosts.count": str(place.count)}
        return Member(me, address=(host, port), same=same, silence=silence, loss=loss)
    return Coordinator(
        me, port=port, count=place.count, same=same, silence=silence, loss=loss
    )


def _start_jax(config: HostsConfig, place: Place, port: int) -> None:
    bypass_proxy()
    jax.config.update("jax_check_proxy_envs", False)
    # It would take SIGTERM for itself, and the run handles that.
    jax.config.update("jax_enable_preemption_service", False)
    jax.distributed.initialize(
        f"{LOCAL}:{port}",
        num_processes=place.count,
        process_id=place.index,
        local_device_ids=place.devices,
        cluster_detection_method="deactivate",
        initialization_timeout=config.timeout_seconds,
        coordinator_bind_address=f"{LOCAL}:{port}",
        # A loss is ours to tell; JAX's way of noticing is only what is left behind it.
        heartbeat_timeout_seconds=2 * config.lost_after_seconds + 60,
        shutdown_timeout_seconds=30,
    )


def _finish(hosts: Hosts, link: Coordinator | Member) -> None:
    """Leaves together with all others.

    Raises:
      LostError: one does not come any more.
    """
    link.finish()
    lost = hosts.loss.wait(0)
    hosts.loss.leave()
    if lost:
        end_at_exit(1)
        raise lost
    jax.distributed.shutdown()
    link.close()


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    codes = ((InputError, 2), (KeyboardInterrupt, 130))
    return next((code for kind, code in codes if isinstance(error, kind)), 1)


def _first_line(error: BaseException) -> str:
    line = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}{line and ': '}{line[:500]}"
