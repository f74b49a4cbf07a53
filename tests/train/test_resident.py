"""Images on the devices come as they do from the host."""

import contextlib
import dataclasses

import numpy as np
import pytest

from vit_jax.data.memory import hold
from vit_jax.data.pipeline import train_batches
from vit_jax.data.sources import Digits
from vit_jax.errors import InputError
from vit_jax.train import resident
from vit_jax.train.config import DataConfig, TrainConfig
from vit_jax.train.feed import Feed
from vit_jax.train.mesh import make_mesh
from vit_jax.train.mesh_config import MeshConfig

MESH = make_mesh(MeshConfig())


@pytest.mark.filterwarnings("ignore:an image cannot be decoded")
@pytest.mark.parametrize("broken", [{}, {3: "torn", 40: "torn", 1000: "torn"}])
def test_batches_from_the_devices_are_those_from_the_host(broken):
    held = dataclasses.replace(hold(Digits("train")), broken=broken)
    images = resident.Resident(held, MESH)

    def take(source, images):
        batches = train_batches(
            source, batch_size=128, seed=0, num_threads=1, max_broken=0.1
        )
        with contextlib.closing(batches):
            feed = Feed(batches, MESH, images)
            taken = [feed.take() for _ in range(2 * len(held) // 128)]
            return taken, batches.broken.indices

    host, host_broken = take(held, None)
    device, device_broken = take(images.addresses, images)
    assert host_broken == device_broken
    assert set(host_broken) == set(broken)
    for ours, theirs in zip(device, host, strict=True):
        assert ours["image"].sharding == theirs["image"].sharding
        for name in theirs:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_images_that_fill_a_device_are_refused(monkeypatch):
    held = hold(Digits("train"))
    monkeypatch.setattr(resident, "find_memory", lambda _: 1.9 * held.images.nbytes)
    with pytest.raises(InputError, match=r"data\.on_device=True: .* Leave it out"):
        resident.check_memory(held, MESH)


def test_what_is_not_decoded_cannot_lie_on_a_device():
    with pytest.raises(InputError, match=r"data\.in_memory=True .*: set it"):
        TrainConfig(data=DataConfig(on_device=True))
