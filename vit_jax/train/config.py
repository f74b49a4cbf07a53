"""TrainConfig: one experiment, from a recipe's file and the overrides."""

import dataclasses
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.train.augment.config import AugmentConfig
from vit_jax.train.data_config import DataConfig, find_data_faults
from vit_jax.train.distill_config import DistillConfig, find_distill_faults
from vit_jax.train.hosts.config import HostsConfig, find_faults
from vit_jax.train.init_config import InitConfig, find_init_faults
from vit_jax.train.lengths import Timed, are_steps, find_length_faults
from vit_jax.train.mesh_config import MeshConfig
from vit_jax.train.optim_config import OptimConfig
from vit_jax.train.optim_faults import find_optim_faults
from vit_jax.train.run_config import RunConfig, find_run_faults


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One experiment."""

    init: InitConfig = dataclasses.field(default_factory=InitConfig)
    model: ViTConfig = ViTConfig()
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    optim: OptimConfig = dataclasses.field(default_factory=OptimConfig)
    distill: DistillConfig = dataclasses.field(default_factory=DistillConfig)
    run: RunConfig = dataclasses.field(default_factory=RunConfig)
    mesh: MeshConfig = dataclasses.field(default_factory=MeshConfig)
    hosts: HostsConfig = dataclasses.field(default_factory=HostsConfig)

    def __post_init__(self) -> None:
        timed = Timed(self.run, self.optim)
        optim = find_optim_faults(
            self.optim,
            steps=self.run.steps if are_steps(timed) else None,
            batch_size=self.data.batch_size,
        )
        faults = [
            *find_length_faults(timed),
            *(f"init.{fault}" for fault in find_init_faults(self.init)),
            *find_data_faults(self.data, self.augment),
            *(f"optim.{fault}" for fault in optim),
            *(f"distill.{fault}" for fault in find_distill_faults(self.distill)),
            *(f"run.{fault}" for fault in find_run_faults(self.run)),
            *find_faults(self.hosts),
        ]
        if self.mesh.fsdp < 1:
            faults.append(f"mesh.fsdp={self.mesh.fsdp}; at least 1.")
        if faults:
            raise InputError("\n".join(faults))


def load_recipe(path: Path) -> TrainConfig:
    """Returns what a recipe's `get_config()` gives.

    Raises:
      InputError: no such file, or no `get_config()` that gives a TrainConfig.
    """
    if not path.is_file():
        found = ", ".join(str(p) for p in sorted(Path("configs").glob("*.py")))
        raise InputError(f"there is no recipe {path}. Recipes here: {found or 'none'}.")
    get_config = runpy.run_path(str(path)).get("get_config")
    config = get_config() if callable(get_config) else None
    if not isinstance(config, TrainConfig):
        raise InputError(
            f"{path} is no recipe: it must define get_config(), which returns a"
            " vit_jax.train.config.TrainConfig."
        )
    return config


def each_field(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields name and value of each field, such as model.depth and 12."""
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(value):
            yield from each_field(value, f"{name}.")
        else:
            yield name, value


def differing_fields(a: TrainConfig, b: TrainConfig) -> list[str]:
    """Returns "model.depth: 12 and 6" for each field that decides what is trained."""
    theirs = dict(each_field(b))
    return [
        f"{name}: {value!r} and {theirs[name]!r}"
        for name, value in each_field(a)
        if value != theirs[name] and name not in FREE
    ]


# What may differ between the starts of one run: nothing of it reaches a parameter.
FREE = (
    "run.workdir",
    "run.log_every_steps",
    "run.eval_every_steps",
    "run.save_every_steps",
    "run.keep_checkpoints",
    "run.keep_best",
    "run.hang_seconds",
    "run.also",
    "run.profile",
    "mesh.fsdp",
    "mesh.shard_rows",
    "hosts.coordinator",
    "hosts.count",
    "hosts.index",
    "hosts.timeout_seconds",
    "hosts.lost_after_seconds",
    "data.eval_batch_size",
    "data.num_threads",
    "data.num_workers",
    "data.data_dir",
    "data.in_memory",
    "data.on_device",
)

# What the processes of one run may each have their own of.
OWN = ("hosts.index", "data.data_dir", "data.num_threads", "data.num_workers")
