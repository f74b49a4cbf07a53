"""Checkpoints of a run, and parameters in a folder: all that knows Orbax.

A checkpoint holds the whole training state and the data position, with a manifest of
its files: what a disk changed is noticed, never loaded.
"""

import contextlib
import hashlib
import shutil
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from numpy.typing import NDArray

from vit_jax.errors import InputError, InputWarning
from vit_jax.manifest import find_damage, write_manifest


class CheckpointError(InputError):
    """A checkpoint that is damaged, or of another model."""


class DamagedError(CheckpointError):
    """A checkpoint whose files are not those that were written."""


def digest(tree: Any) -> str:
    """Returns the SHA-256 of every number of a pytree: equal states have equal ones."""
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        found.update(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


class Checkpoints:
    """The newest `keep` checkpoints of one run, each a folder named by its step."""

    def __init__(self, folder: Path, *, keep: int):
        self.folder = folder.absolute()
        options = ocp.CheckpointManagerOptions(
            preservation_policy=ocp.checkpoint_managers.LatestN(keep),
            async_options=ocp.AsyncOptions(post_finalization_callback=self._seal),
        )
        self.manager = ocp.CheckpointManager(self.folder, options=options)

    def save(self, step: int, state: Any, position: dict[str, Any]) -> None:
        """Starts to save a state; the write goes on while the run does.

        A failure of the write is raised by the next one, or when the checkpoints close.

        Args:
          position: what the data pipeline needs to go on, as JSON.
        """
        self.manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state),
                card=ocp.args.JsonSave({"position": position, "digest": digest(state)}),
            ),
        )

    def _seal(self) -> None:
        """Writes the manifest of the checkpoint whose files are whole by now.

        Orbax calls this before it gives the folder its final name.
        """
        for path in self.folder.glob("*.orbax-checkpoint-tmp"):
            # The time of the commit is still to come into this one.
            write_manifest(path, leave_out="_CHECKPOINT_METADATA")

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        """Waits until everything is on the disk; raises what a write raised."""
        self.manager.wait_until_finished()
        self.manager.close()

    def restore(
        self, like: Any, sharding: jax.sharding.Sharding
    ) -> tuple[Any, dict[str, Any]] | None:
        """Returns the newest good state and its data position; None if there is none.

        A damaged checkpoint is put aside, with a warning, and the one before it taken.

        Args:
          like: a state with the shapes and dtypes that are expected.
          sharding: where its arrays shall live.

        Raises:
          CheckpointError: there are checkpoints and every one is damaged, or the newest
            whole one is of another model.
        """
        template = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), like
        )
        steps = sorted(self.manager.all_steps(), reverse=True)
        for step in steps:
            try:
                return self._restore(step, template)
            except DamagedError as error:
                aside = self.folder.with_name(f"{self.folder.name}.damaged") / str(step)
                warnings.warn(
                    f"{error} It is put aside in {aside}.", InputWarning, stacklevel=2
                )
                aside.parent.mkdir(exist_ok=True)
                shutil.rmtree(aside, ignore_errors=True)
                (self.folder / str(step)).rename(aside)
                self.manager.reload()
        if steps:
            raise CheckpointError(
                f"every checkpoint in {self.folder} is damaged; they are put aside."
                " Start the same command again to train from the beginning."
            )
        return None

    def _restore(self, step: int, template: Any) -> tuple[Any, dict[str, Any]]:
        with whole(self.folder / str(step)):
            found: Any = self.manager.restore(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardRestore(template),
                    card=ocp.args.JsonRestore(),
                ),
            )
        return found["state"], found["card"]["position"]


def save_params(folder: Path, params: dict[str, Any]) -> None:
    """Writes parameters, each in its dtype, to a folder that is not there yet."""
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder.absolute(), params)


def load_params(folder: Path) -> dict[str, NDArray[Any]]:
    """Returns what `save_params` wrote."""
    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore(folder.absolute())


@contextlib.contextmanager
def whole(folder: Path) -> Generator[None]:
    """Looks for damage first; turns what is raised by what is left into the same error.

    Raises:
      DamagedError: a file is missing or changed.
      CheckpointError: the files are whole, and what is in them cannot be restored.
    """
    damage = find_damage(folder)
    if damage:
        raise DamagedError(f"the checkpoint {folder} is damaged: {damage}.")
    try:
        yield
    except Exception as error:  # Orbax raises Exception itself, among others
        first = str(error).split("\n", 1)[0][:200]
        raise CheckpointError(
            f"the checkpoint {folder} cannot be restored: {first}"
        ) from error
