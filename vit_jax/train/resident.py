"""Training images that lie on the devices, of which a batch takes rows.

Axes: n images, b batch, r rows, c columns, k channels.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, UInt8

from vit_jax.data.memory import Held
from vit_jax.errors import InputError
from vit_jax.train.mesh import batched, place_params, replicated

# The largest part of a device's memory that images may take.
SHARE = 0.5


class Resident:
    """Images whole on each device; the host's batches have their addresses instead.

    So a batch is four bytes an image to send, and a step waits for no pixels. Which
    image comes when, and what stands in for a broken one, stays as it is on the host.
    """

    def __init__(self, held: Held, mesh: Mesh) -> None:
        index = np.arange(len(held), dtype=np.int32)
        addresses = index.view(np.uint8).reshape(-1, index.itemsize, 1, 1)
        self.addresses = dataclasses.replace(held, images=addresses)
        """The same images, each four bytes that say where it lies."""
        self._images = place_params(held.images, replicated(mesh))
        self._gather = jax.jit(_gather, out_shardings=batched(mesh))

    def fetch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Returns a batch on the devices with pixels in the place of addresses."""
        return {**batch, "image": self._gather(self._images, batch["image"])}


def _gather(
    images: UInt8[Array, "n r c k"], addresses: UInt8[Array, "b 4 1 1"]
) -> UInt8[Array, "b r c k"]:
    index = jax.lax.bitcast_convert_type(addresses[:, :, 0, 0], jnp.int32)
    return jnp.take(images, index, axis=0)


def find_memory(mesh: Mesh) -> float:
    """Returns the bytes of a device, infinity where it does not tell."""
    found = mesh.local_devices[0].memory_stats()
    return found["bytes_limit"] if found else float("inf")


def check_memory(held: Held, mesh: Mesh) -> None:
    """Checks that images may lie on a device.

    Raises:
      InputError: they take more than half of its memory.
    """
    limit = SHARE * find_memory(mesh)
    if held.images.nbytes > limit:
        raise InputError(
            f"data.on_device=True: the images take {held.images.nbytes / 1e9:.1f} GB,"
            f" and half of a device's memory is {limit / 1e9:.1f} GB. Leave it out:"
            " batches are then sent from the host's memory."
        )
