"""Prints the losses of 20 steps on several meshes of 8 devices, as JSON."""

import dataclasses
import json
import os
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"

import contextlib

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from tests.train.recipe import get_config
from vit_jax.data.order import Shard
from vit_jax.train.config import AugmentConfig, TrainConfig
from vit_jax.train.feed import Feed
from vit_jax.train.mesh import AXES, make_mesh
from vit_jax.train.mesh_config import MeshConfig
from vit_jax.train.open_data import make_batches, open_images
from vit_jax.train.step import init_state, make_step


def base_config() -> TrainConfig:
    config = get_config()
    # Large enough to be split; nothing dropped, which parts of a batch draw apart.
    model = config.model.replace(embed_dim=32, mlp_dim=64, dropout=0.0)
    optim = dataclasses.replace(config.optim, learning_rate=1e-3, ema_decay=0.99)
    augment = AugmentConfig(mixup=0.2)
    return dataclasses.replace(config, model=model, optim=optim, augment=augment)


def find_losses(config: TrainConfig, mesh: Mesh) -> list[float]:
    images = open_images(config.data, config.model, "train")
    state = init_state(config, mesh)
    step = make_step(config, images.source.pixels, mesh)
    losses: list[float] = []
    with contextlib.closing(make_batches(config, images, Shard())) as batches:
        feed = Feed(batches, mesh)
        for _ in range(20):
            state, metrics = step(state, feed.take())
            losses.append(float(metrics["loss"]))
    return losses


def main() -> None:
    config = base_config()
    first = np.array(jax.devices()[:1]).reshape(1, 1)
    alone = Mesh(first, AXES, axis_types=(AxisType.Auto,) * 2)
    found = {"one device": find_losses(config, alone)}
    parts = dataclasses.replace(
        config, optim=dataclasses.replace(config.optim, accumulate_steps=4)
    )
    found["in 4 parts"] = find_losses(parts, alone)
    for fsdp in (1, 4, 8):
        split = dataclasses.replace(config, mesh=MeshConfig(fsdp=fsdp))
        mesh = make_mesh(split.mesh, 32)
        found[f"({8 // fsdp}, {fsdp})"] = find_losses(split, mesh)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
