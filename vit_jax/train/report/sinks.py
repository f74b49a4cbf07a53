"""Where metrics go: metrics.jsonl always, TensorBoard and Weights & Biases if asked."""

import importlib
import importlib.util
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from vit_jax.errors import InputError
from vit_jax.records import to_fields
from vit_jax.train.config import TrainConfig
from vit_jax.train.step_lines import add_line, drop_lines, read_lines

METRICS = "metrics.jsonl"
TENSORBOARD, WANDB_ID = "tensorboard", "wandb_id.txt"


@runtime_checkable
class Sink(Protocol):
    """Takes the metrics of one start of a run."""

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Writes finite numbers of a step."""
        ...

    def go_back(self, step: int) -> None:
        """Drops what was written of later steps, which are taken again."""
        ...

    def close(self) -> None:
        """Writes what is left."""
        ...


class JsonLines:
    """metrics.jsonl: one object a line."""

    def __init__(self, config: TrainConfig, start: int) -> None:
        self.path = config.run.workdir / METRICS
        self.go_back(start)

    def write(self, step: int, metrics: dict[str, float]) -> None:
        rounded = {name: float(f"{value:.9g}") for name, value in metrics.items()}
        add_line(self.path, {"step": step, **rounded})

    def go_back(self, step: int) -> None:
        drop_lines(self.path, after=step)

    def close(self) -> None:
        pass


class TensorBoard:
    """Event files, a new one at each start; later steps of older ones are hidden."""

    def __init__(self, config: TrainConfig, start: int) -> None:
        self.folder = config.run.workdir / TENSORBOARD
        self.writer = self._open(start)

    def _open(self, step: int) -> Any:
        package: Any = importlib.import_module("tensorboardX")
        # Else a file of the same second is written over.
        suffix = f".{time.time_ns()}"
        return package.SummaryWriter(
            str(self.folder), purge_step=step + 1, filename_suffix=suffix
        )

    def write(self, step: int, metrics: dict[str, float]) -> None:
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def go_back(self, step: int) -> None:
        self.writer.close()
        self.writer = self._open(step)

    def close(self) -> None:
        self.writer.close()


class WandB:
    """A run of Weights & Biases, which each start of a run goes on with.

    Its own steps only grow, so that `step` is a metric, and the others' axis. Steps
    that are taken again stand there twice.
    """

    def __init__(self, config: TrainConfig, start: int) -> None:
        wandb: Any = importlib.import_module("wandb")
        path = config.run.workdir / WANDB_ID
        if not path.exists():
            path.write_text(secrets.token_hex(4))
        self.run = wandb.init(
            id=path.read_text(),
            resume="allow",
            name=config.run.workdir.name,
            dir=str(config.run.workdir),
            config=to_fields(config),
        )
        self.run.define_metric("*", step_metric="step")

    def write(self, step: int, metrics: dict[str, float]) -> None:
        self.run.log({"step": step, **metrics})

    def go_back(self, step: int) -> None:
        pass

    def close(self) -> None:
        self.run.finish()


# What may be asked for: the package that it needs, and who takes the metrics.
SINKS: dict[str, tuple[str, Callable[[TrainConfig, int], Sink]]] = {
    "tensorboard": ("tensorboardX", TensorBoard),
    "wandb": ("wandb", WandB),
}


def check_sinks(names: Iterable[str]) -> None:
    """Raises InputError if what a sink needs is not installed."""
    for name in names:
        package, _ = SINKS[name]
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"run.also names {name}, which needs the package {package}: install it"
                f" with pip install '.[{name}]', or leave {name} out."
            )


def open_sinks(config: TrainConfig, start: int) -> list[Sink]:
    """Returns all that a run's metrics go to.

    Args:
      start: steps that were done before.
    """
    asked = [SINKS[name][1] for name in dict.fromkeys(config.run.also)]
    return [make(config, start) for make in (JsonLines, *asked)]


def read_metrics(workdir: Path) -> list[dict[str, Any]]:
    """Returns the lines of a run's metrics."""
    return read_lines(workdir / METRICS)
