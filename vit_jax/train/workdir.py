"""The folder of a run: whose it is."""

import contextlib
import fcntl
import json
from collections.abc import Generator
from pathlib import Path

from vit_jax.errors import InputError
from vit_jax.records import from_fields, to_fields
from vit_jax.train.config import TrainConfig, differing_fields

CONFIG = "config.json"
LOCK = ".lock"


def open_workdir(config: TrainConfig) -> None:
    """Makes a run's folder and writes its config there, or checks that it is the same.

    Raises:
      InputError: the folder holds another run, or cannot be written.
    """
    path = config.run.workdir / CONFIG
    if path.exists():
        different = differing_fields(read_config(config.run.workdir), config)
        if different:
            raise InputError(
                f"{config.run.workdir} holds another run; it has, and you ask for:\n  "
                + "\n  ".join(different)
                + "\nGive another --run.workdir, or the same values to go on with it."
            )
        return
    orphans = [n for n in ("checkpoints", "model") if (path.parent / n).exists()]
    if orphans:
        raise InputError(
            f"{config.run.workdir} holds {' and '.join(orphans)} but no {CONFIG}, so it"
            " cannot be told whether they are this run's: give another --run.workdir."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(to_fields(config), indent=1) + "\n")
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"the workdir {config.run.workdir} cannot be written ({error}): give"
            " another --run.workdir."
        ) from error


@contextlib.contextmanager
def hold_workdir(workdir: Path) -> Generator[None]:
    """Keeps a run's folder for this process until the end, however it ends.

    Raises:
      InputError: another process trains there.
    """
    with (workdir / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"another process trains in {workdir}: wait for it, stop it, or give"
                " another --run.workdir."
            ) from error
        yield


def read_config(workdir: Path) -> TrainConfig:
    """Returns the config that a run was started with.

    Raises:
      InputError: the folder is not a run's, or its config is damaged.
    """
    path = workdir / CONFIG
    if not path.is_file():
        raise InputError(f"{workdir} is no run's folder: it has no {CONFIG}.")
    try:
        return from_fields(TrainConfig, json.loads(path.read_text()))
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} is damaged, or of another version: {error}"
        ) from error
