"""HostsConfig: the processes that train one model together."""

import dataclasses
from collections.abc import Iterator

AUTO = "auto"
LEAST_SILENCE = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostsConfig:
    """Many processes that train one model together, on one machine or many."""

    coordinator: str = ""
    """HOST:PORT where process 0 listens; auto finds everything out under Slurm, Open
    MPI, Kubernetes and on TPU pods. Empty: one process, alone."""
    count: int = 0
    """How many processes; with HOST:PORT."""
    index: int = -1
    """Which of them this is, from 0; with HOST:PORT."""
    timeout_seconds: int = 300
    """How long the start waits until all have come."""
    lost_after_seconds: int = 30
    """Of silence, after which a process counts as lost. One that is killed is noticed
    at once."""


def find_faults(config: HostsConfig) -> Iterator[str]:
    """Yields what is wrong, a sentence each."""
    c = config
    placed = [f"hosts.count={c.count}"] if c.count else []
    placed += [f"hosts.index={c.index}"] if c.index != -1 else []
    if c.coordinator in ("", AUTO):
        if placed and c.coordinator:
            yield f"hosts.coordinator=auto finds out what {' and '.join(placed)} says."
        elif placed:
            yield f"{' and '.join(placed)} without hosts.coordinator=HOST:PORT."
    else:
        if _parse(c.coordinator) is None:
            yield (
                f"hosts.coordinator={c.coordinator!r}; HOST:PORT of process 0, with a"
                " port from 1 to 65535; or auto."
            )
        if c.count < 1:
            yield f"hosts.count={c.count}; say how many processes there are."
        elif not 0 <= c.index < c.count:
            yield (
                f"hosts.index={c.index}; of {c.count} processes, each has its own"
                f" from 0 to {c.count - 1}."
            )
    if c.timeout_seconds < 1:
        yield f"hosts.timeout_seconds={c.timeout_seconds}; at least 1."
    if c.lost_after_seconds < LEAST_SILENCE:
        yield (
            f"hosts.lost_after_seconds={c.lost_after_seconds}; at least"
            f" {LEAST_SILENCE}: a sign of life comes every second."
        )


def parse_address(address: str) -> tuple[str, int]:
    """Returns host and port of HOST:PORT or [IPV6]:PORT."""
    found = _parse(address)
    assert found, address
    return found


def _parse(address: str) -> tuple[str, int] | None:
    host, _, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare and bare == host) or not port.isdecimal():
        return None
    return (bare, int(port)) if 1 <= int(port) <= 65535 else None
