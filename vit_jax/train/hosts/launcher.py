"""What a launcher says of the processes it started: Slurm, Open MPI, and so on."""

import dataclasses
import os
import warnings
from collections.abc import Sequence

from jax._src.clusters import ClusterEnv

from vit_jax.errors import InputError
from vit_jax.train.hosts.config import AUTO, HostsConfig


@dataclasses.dataclass(frozen=True)
class Place:
    """Which process of a run this is."""

    address: str
    """HOST:PORT of process 0."""
    count: int
    index: int
    devices: tuple[int, ...] | None = None
    """Of this machine, which GPUs are this process's; None for all."""


def find_place(config: HostsConfig) -> Place:
    """Returns what the config says, or with "auto" what JAX finds out.

    Raises:
      InputError: "auto", and no launcher that JAX knows.
    """
    if config.coordinator != AUTO:
        return Place(config.coordinator, config.count, config.index)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            address, count, index, devices = _ask_jax(config.timeout_seconds)
        except Exception as error:  # of any of several clients of clusters
            raise InputError(
                "hosts.coordinator=auto: the launcher was recognised, but"
                f" {type(error).__name__}: {error}"
            ) from error
    if address is None or count is None or index is None:
        notes = "".join(f" {warning.message}" for warning in caught)
        raise InputError(
            "hosts.coordinator=auto found no launcher: this process was started by"
            " none of srun (Slurm), mpirun (Open MPI), a Kubernetes Job and a TPU pod."
            " Give hosts.coordinator=HOST:PORT, hosts.count and hosts.index."
            f"{' '.join(notes.split()) and ' Note: ' + ' '.join(notes.split())}"
        )
    # JAX reads the variable itself where no devices are given.
    if devices is None or "JAX_LOCAL_DEVICE_IDS" in os.environ:
        return Place(address, count, index)
    return Place(address, count, index, tuple(devices))


def _ask_jax(
    seconds: int,
) -> tuple[str | None, int | None, int | None, Sequence[int] | None]:
    return ClusterEnv.auto_detect_unset_distributed_params(
        None, None, None, None, None, seconds
    )
