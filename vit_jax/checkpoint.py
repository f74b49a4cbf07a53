"""Checkpoints of a run: the whole state, sealed when it is whole, never half of it."""

import functools
import json
import os
import re
import threading
from pathlib import Path
from typing import Any

import jax

from vit_jax.agree import agree, is_first, once
from vit_jax.arrays import (
    ArrayWriter,
    CheckpointError,
    clear_left_coroutines,
    read_arrays,
)
from vit_jax.checkpoint_folder import CARD, STATE, CheckpointFolder


class SaveError(OSError):
    """A checkpoint that could not be written; those before it are as they were."""


def template_of(state: Any) -> Any:
    """Returns a state's shapes, dtypes and shardings, without its numbers."""
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state
    )


class Checkpoints:
    """The newest checkpoints of one run, and the best beside them.

    In a run of many processes all of them make the same calls, on a folder that all of
    them see. The first process makes `{step}.part` with the caller's card, Orbax writes
    the state into it, and the first process adds a manifest and gives it its name.
    """

    def __init__(self, folder: Path, *, keep: int, keep_best: int = 0):
        """Makes the folder, and clears away what an earlier start left unfinished.

        Args:
          keep: how many of the newest are kept.
          keep_best: how many of the best `top1` are kept, be they new or old.
        """
        assert keep >= 1
        assert keep_best >= 0
        self.folder, self.keep, self.keep_best = folder.absolute(), keep, keep_best
        self._folder = CheckpointFolder(self.folder)
        once(self._folder.open)
        self._writer = ArrayWriter()
        self._thread: threading.Thread | None = None
        self._written, self._failure = False, ""

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        """Waits until everything is on the disk; raises what a write raised."""
        try:
            self.wait()
        finally:
            self._writer.close()

    def steps(self) -> list[int]:
        """Returns the steps of the checkpoints that are there, the newest last."""
        return self._folder.steps()

    def save(
        self, step: int, state: Any, card: dict[str, Any], *, top1: float | None = None
    ) -> None:
        """Starts to save a state; the write goes on while the run does.

        Args:
          card: what else a run needs to go on, as JSON; the first process's is kept.
          top1: accuracy on the held-out images, where it is known.

        Raises:
          SaveError: this save cannot be begun, since the disk is full or a checkpoint
            is there that is not before it; or the save before failed.
        """
        text = json.dumps(card, indent=1) + "\n"
        size = sum(getattr(leaf, "nbytes", 0) for leaf in jax.tree.leaves(state))
        self.wait()
        try:
            once(functools.partial(self._folder.begin, step, text, size=size))
            self._writer.start(self._folder.part(step) / STATE, state)
        except OSError as error:
            raise SaveError(self._describe(step, error)) from error
        self._thread = threading.Thread(
            target=self._finish, args=(step, top1), name="finish_checkpoint"
        )
        self._thread.start()

    def wait(self) -> None:
        """Waits until what was saved is on the disk.

        Raises:
          SaveError: it could not be written.
        """
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        failure, self._failure = self._failure, ""
        if failure:
            clear_left_coroutines()
        # A process that could not write tells at once: the others may wait for it in
        # Orbax for minutes, and its end ends them.
        if self._written:
            failure = agree(failure)
        if failure:
            raise SaveError(failure)

    def restore(
        self, template: Any, *, at_most: int | None = None
    ) -> tuple[int, Any, dict[str, Any]] | None:
        """Returns step, state and card of the newest good checkpoint, None without any.

        A damaged checkpoint is put aside, with a warning, and the one before it taken.

        Args:
          template: a pytree of jax.ShapeDtypeStruct with shardings, on any devices.
          at_most: no checkpoint of a later step is taken.

        Raises:
          CheckpointError: there are checkpoints and every one is damaged, or the newest
            whole one is of another model.
        """
        self.wait()
        damaged = False
        while (step := self._newest(at_most)) is not None:
            share = (jax.process_index(), jax.process_count())
            damage = agree(self._folder.find_damage(step, share=share))
            if not damage:
                state = read_arrays(self._folder[step] / STATE, template)
                card = json.loads((self._folder[step] / CARD).read_bytes())
                return step, state, card
            once(functools.partial(self._folder.put_aside, step, damage))
            damaged = True
        if damaged:
            raise CheckpointError(
                f"every checkpoint in {self.folder} is damaged; they are put aside."
                " Start the same command again to train from the beginning."
            )
        return None

    def drop(self, *, after: int) -> None:
        """Removes the checkpoints after a step: the run has left their course."""
        self.wait()
        left = [step for step in self.steps() if step > after]
        once(functools.partial(self._folder.remove, left))

    def _finish(self, step: int, top1: float | None) -> None:
        """Seals what Orbax wrote, once all processes have; runs in its own thread."""
        self._written = False
        try:
            self._writer.finish()
            self._written = True
            if is_first():
                self._folder.seal(step, top1)
                keep, keep_best = self.keep, self.keep_best
                old = self._folder.find_old(keep=keep, keep_best=keep_best)
                self._folder.remove(old)
        except Exception as error:  # of Orbax: ValueError, TimeoutError, OSError, ...
            self._failure = self._describe(step, error)

    def _newest(self, at_most: int | None) -> int | None:
        """Returns the newest step that the first process sees."""
        steps = self.steps() if is_first() else []
        steps = [step for step in steps if at_most is None or step <= at_most]
        found = agree(str(steps[-1]) if steps else "")
        return int(found) if found else None

    def _describe(self, step: int, error: Exception) -> str:
        """Returns a message of a failed save: where, why, and what is left."""
        code = re.search(r"os_error_code='(\d+)'", str(error))
        reason = os.strerror(int(code[1])) if code else str(error).split("\n", 1)[0]
        try:
            left = ", ".join(str(step) for step in self.steps()) or "none"
        except OSError:
            left = "none"
        return (
            f"step {step} was not saved in {self.folder}: {reason[:300]}."
            f" Checkpoints that are there: {left}."
        )
