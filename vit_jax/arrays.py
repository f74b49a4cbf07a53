"""Arrays in a folder, whole: all that knows Orbax."""

import contextlib
import gc
import logging
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from numpy.typing import NDArray

from vit_jax.errors import InputError
from vit_jax.manifest import find_damage


class CheckpointError(InputError):
    """A checkpoint that is damaged, or of another model."""


class DamagedError(CheckpointError):
    """A checkpoint whose files are not those that were written."""


class ArrayWriter:
    """Writes pytrees of arrays to folders while the program goes on, one at a time.

    Every process of a run makes the same calls; each writes what it holds.
    """

    def __init__(self) -> None:
        logging.getLogger("absl").addFilter(_is_news)
        # Made in the caller's thread: else Orbax's threads wait for minutes for a
        # folder that cannot be made.
        options = ocp.AsyncOptions(create_directories_asynchronously=False)
        self._orbax = ocp.StandardCheckpointer(async_options=options)

    def start(self, folder: Path, tree: Any) -> None:
        """Starts to write; `tree` may be changed or given away when this returns."""
        self._orbax.save(folder, tree)

    def finish(self) -> None:
        """Waits until all processes have written; raises what a write raised."""
        self._orbax.wait_until_finished()

    def close(self) -> None:
        """Lets the threads end."""
        self._orbax.close()


def read_arrays(folder: Path, template: Any) -> Any:
    """Returns what an `ArrayWriter` wrote, where the template's shardings put it.

    Args:
      template: a pytree of jax.ShapeDtypeStruct with shardings.

    Raises:
      CheckpointError: the arrays have other names, shapes or dtypes.
    """
    with telling(folder.parent), ocp.StandardCheckpointer() as orbax:
        # Shapes are looked at by Orbax; another dtype it would silently cast to.
        found = by_path(orbax.metadata(folder).item_metadata.tree)
        for name, want in by_path(template).items():
            if name in found and found[name].dtype != want.dtype:
                raise ValueError(
                    f"{name} is {found[name].dtype}, expected {want.dtype}"
                )
        return orbax.restore(folder, template)


def save_params(folder: Path, params: dict[str, Any]) -> None:
    """Writes parameters, each in its dtype, to a folder that is not there yet.

    Of many processes one does it alone.
    """
    with _alone() as checkpointer:
        checkpointer.save(folder.absolute(), params)


def load_params(folder: Path) -> dict[str, NDArray[Any]]:
    """Returns what `save_params` wrote."""
    with _alone() as checkpointer:
        return checkpointer.restore(folder.absolute())


def _alone() -> ocp.StandardCheckpointer:
    """Returns a checkpointer that waits for no other process."""
    this = jax.process_index()
    options = ocp.options.MultiprocessingOptions(
        primary_host=this,
        active_processes={this},
        barrier_sync_key_prefix=f"process_{this}",
    )
    return ocp.StandardCheckpointer(multiprocessing_options=options)


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
    with telling(folder):
        yield


@contextlib.contextmanager
def telling(folder: Path) -> Generator[None]:
    """Turns whatever reading a folder raises into a CheckpointError."""
    try:
        yield
    except Exception as error:  # Orbax raises Exception itself, among others
        first = str(error).split("\n", 1)[0][:200]
        raise CheckpointError(
            f"the checkpoint {folder} cannot be restored: {first}"
        ) from error


def clear_left_coroutines() -> None:
    """Collects, without a word, the coroutines that a failed write never awaited."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        gc.collect()


def by_path(tree: Any) -> dict[str, Any]:
    """Returns the leaves by their path, such as opt_state/1/mu/head.kernel.

    It is the same for a tuple as for the dict or list that Orbax makes of it.
    """
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree.leaves_with_path(tree)
    }


def _is_news(record: logging.LogRecord) -> bool:
    """Returns whether a record is more than a traceback of what is raised besides."""
    return not (record.exc_info and "orbax" in record.pathname)
