"""Where arrays live: parameters on every device, batches split over all of them."""

from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from vit_jax.errors import InputError


def make_mesh(*batch_sizes: int) -> Mesh:
    """Returns all devices along one axis, `data`.

    Raises:
      InputError: a batch does not divide over them.
    """
    count = jax.device_count()
    for size in batch_sizes:
        if size % count:
            raise InputError(
                f"a batch of {size} does not divide over {count} devices: choose"
                f" data.batch_size and data.eval_batch_size as multiples of {count}."
            )
    return jax.make_mesh((count,), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of what every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def place(batch: Any, mesh: Mesh) -> Any:
    """Returns a pytree of host arrays on the devices, split along their first axis."""
    return jax.device_put(batch, NamedSharding(mesh, PartitionSpec("data")))
