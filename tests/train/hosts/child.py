"""One process of many, started by test_join: COORDINATOR COUNT INDEX WHAT."""

import sys
import time

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from vit_jax.train.hosts.config import HostsConfig
from vit_jax.train.hosts.join import join
from vit_jax.train.hosts.lost import Loss, LostError
from vit_jax.train.interrupt import Interrupted


def add_up(steps: int) -> None:
    """Takes steps that each wait for all processes."""
    mesh = jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))
    split = NamedSharding(mesh, PartitionSpec("data"))
    ones = np.ones(jax.local_device_count(), np.float32)
    x = jax.make_array_from_process_local_data(split, ones)
    step = jax.jit(lambda x: x / x.sum() * jax.device_count(), out_shardings=split)
    for number in range(steps):
        x = jax.block_until_ready(step(x))
        if number == 0:
            print("stepping", flush=True)  # noqa: T201
        time.sleep(0.01)
    assert float(x.addressable_shards[0].data[0]) == 1.0


def main(coordinator: str, count: str, index: str, what: str) -> int:
    Loss.GRACE = 1.0
    config = HostsConfig(
        coordinator=coordinator,
        count=int(count),
        index=int(index),
        timeout_seconds=60,
        lost_after_seconds=5,
    )
    try:
        with join(config) as hosts:
            assert (hosts.index, hosts.count) == (jax.process_index(), int(count))
            add_up(3 if what != "long" else 3000)
            if what == "interrupted":
                raise Interrupted(15, 3)
            if what == "fails" and hosts.index == 1:
                raise RuntimeError("a fault of its own")
            if what == "fails":
                time.sleep(60)
    except Interrupted as stop:
        return stop.exit_code
    except LostError as error:
        sys.stderr.write(f"vit-jax: error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
