"""Where arrays live: a mesh (data, fsdp), and who holds which part of what."""

import math
import re
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from vit_jax.errors import InputError
from vit_jax.train.mesh_config import MeshConfig

AXES = ("data", "fsdp")
# Smaller parameters are not worth the sending.
LEAST_SHARDED = 1024


def make_mesh(config: MeshConfig, *batch_sizes: int) -> Mesh:
    """Returns all devices of all processes as (data, fsdp).

    Raises:
      InputError: fsdp does not divide the devices, or a batch does not divide over
        them.
    """
    count = jax.device_count()
    if config.fsdp < 1 or count % config.fsdp:
        raise InputError(
            f"mesh.fsdp={config.fsdp} does not divide {count} devices: choose a"
            f" divisor of {count}."
        )
    for size in batch_sizes:
        if size % count:
            raise InputError(
                f"a batch of {size} does not divide over {count} devices: choose"
                f" data.batch_size and data.eval_batch_size as multiples of {count}."
            )
    shape, kinds = (count // config.fsdp, config.fsdp), (AxisType.Auto,) * 2
    mesh = jax.make_mesh(shape, AXES, axis_types=kinds)
    owners = [device.process_index for device in mesh.devices.flat]
    if owners == sorted(owners):
        return mesh
    # Rows of a batch that follow each other are one process's.
    return Mesh(np.array(jax.devices()).reshape(shape), AXES, axis_types=kinds)


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of what every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def batched(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of what is split along its first axis, the batch."""
    return NamedSharding(mesh, PartitionSpec(AXES))


def place(batch: Any, mesh: Mesh) -> Any:
    """Returns a pytree of host arrays on the devices, split along their first axis.

    Args:
      batch: the rows of this process.
    """
    split = batched(mesh)
    if jax.process_count() == 1:
        return jax.device_put(batch, split)
    return jax.tree.map(
        lambda x: jax.make_array_from_process_local_data(split, x), batch
    )


def place_params(params: Any, shardings: Any) -> Any:
    """Returns arrays that every process has whole on the devices, each its part."""
    return jax.tree.map(
        lambda x, sharding: jax.make_array_from_callback(
            x.shape, sharding, lambda part: x[part]
        ),
        params,
        shardings,
    )


def gather(tree: Any, mesh: Mesh) -> Any:
    """Returns a pytree of arrays whole on the host, in every process."""
    whole = jax.jit(lambda x: x, out_shardings=replicated(mesh))(tree)
    return jax.device_get(whole)


def shard_state(state: Any, config: MeshConfig, mesh: Mesh) -> Any:
    """Returns the sharding of every array of a training state.

    What is kept for each parameter (moments, averages) is split as it is.

    Args:
      state: with `params`, and the shape of every array.

    Raises:
      InputError: a row of `mesh.shard_rows` matches no parameter, or names an axis
        that is not there or does not divide.
    """
    shapes = {name: leaf.shape for name, leaf in state.params.items()}
    specs = _split_params(shapes, config, mesh.shape["fsdp"])

    def find(path: Sequence[Any], leaf: Any) -> NamedSharding:
        name = str(getattr(path[-1], "key", ""))
        same = name in shapes and leaf.shape == shapes[name]
        return NamedSharding(mesh, specs[name] if same else PartitionSpec())

    return jax.tree_util.tree_map_with_path(find, state)


def _split_params(
    shapes: dict[str, tuple[int, ...]], config: MeshConfig, count: int
) -> dict[str, PartitionSpec]:
    """Returns which axis of each parameter is split."""
    unused = {pattern for pattern, _ in config.shard_rows}
    specs: dict[str, PartitionSpec] = {}
    for name, shape in shapes.items():
        row = next((r for r in config.shard_rows if re.search(r[0], name)), None)
        if row is not None:
            unused.discard(row[0])
            axis = _check_axis(name, shape, row, count)
        else:
            axis = _longest_axis(shape, count)
        specs[name] = PartitionSpec(
            *("fsdp" if i == axis else None for i in range(len(shape)))
        )
    if unused:
        raise InputError(
            f"mesh.shard_rows: {', '.join(sorted(unused))} matches no parameter that a"
            f" row before it does not. The parameters: {', '.join(list(shapes)[:3])},"
            " ... Mend the pattern, its place, or leave the row out."
        )
    return specs


def _check_axis(
    name: str, shape: tuple[int, ...], row: tuple[str, int], count: int
) -> int:
    pattern, axis = row
    fits = axis == -1 or (0 <= axis < len(shape) and shape[axis] % count == 0)
    if not fits:
        raise InputError(
            f"mesh.shard_rows: {pattern!r} splits axis {axis} of {name} {shape}"
            f" in {count} (mesh.fsdp), which cannot be: give an axis whose length"
            f" {count} divides, or -1 to keep it whole."
        )
    return axis


def _longest_axis(shape: tuple[int, ...], count: int) -> int:
    """Returns the longest axis that divides, -1 if the parameter stays whole."""
    fits = [i for i, length in enumerate(shape) if length % count == 0]
    if count == 1 or not fits or math.prod(shape) < LEAST_SHARDED:
        return -1
    return max(fits, key=lambda i: shape[i])
