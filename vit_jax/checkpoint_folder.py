"""The folder of a run's checkpoints, each a folder named by its step, whole.

What is unfinished is `{step}.part`; a rename makes or ends a checkpoint. So a kill at
any instant leaves a `.part`, which the next start clears away, and a checkpoint that is
not as its manifest says is damaged.
"""

import errno
import os
import re
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path

from vit_jax.errors import InputWarning
from vit_jax.manifest import find_damage, flush, read_note, write_manifest

STATE, CARD = "state", "card.json"


class CheckpointFolder:
    """One folder of checkpoints; only one process of a run changes it."""

    def __init__(self, path: Path):
        self.path = path

    def __getitem__(self, step: int) -> Path:
        return self.path / str(step)

    def part(self, step: int) -> Path:
        """Returns where a checkpoint is written, or removed."""
        return self.path / f"{step}.part"

    def steps(self) -> list[int]:
        """Returns the steps of the checkpoints that are there, the newest last."""
        names = [path.name for path in self.path.iterdir()]
        return sorted(int(name) for name in names if re.fullmatch(r"0|[1-9]\d*", name))

    def open(self) -> None:
        """Makes the folder; clears away what an earlier start left unfinished."""
        self.path.mkdir(parents=True, exist_ok=True)
        for path in self.path.glob("*.part"):
            shutil.rmtree(path)

    def begin(self, step: int, card: str, *, size: int) -> None:
        """Begins a new newest checkpoint, to which so many bytes will be added.

        Raises:
          OSError: the disk is too full, or the step is not after those that are there.
        """
        disk = shutil.disk_usage(self.path)
        # Some network disks tell of no size. Trained numbers hardly compress.
        if disk.total and disk.free < size:
            told = f"{os.strerror(errno.ENOSPC)}, {size:,} bytes needed"
            raise OSError(f"{told} and {disk.free:,} free")
        if self.steps()[-1:] >= [step]:
            raise FileExistsError("it is not after those that are there")
        shutil.rmtree(self.part(step), ignore_errors=True)
        self.part(step).mkdir()
        (self.part(step) / CARD).write_text(card)

    def seal(self, step: int, top1: float | None) -> None:
        """Makes a checkpoint of a part that holds the whole state.

        Raises:
          OSError: the disk failed, or somebody removed the part in between.
        """
        # Who writes makes folders anew that have gone, without what was in them.
        if not (self.part(step) / CARD).is_file():
            raise FileNotFoundError(f"{self.part(step)} was removed meanwhile")
        write_manifest(self.part(step), note={"step": step, "top1": top1})
        self.part(step).rename(self[step])
        flush(self.path)

    def find_damage(self, step: int, *, share: tuple[int, int]) -> str:
        """Returns what is wrong with a checkpoint in a share of its files, else ''."""
        if damage := find_damage(self[step], share=share):
            return damage
        named = (read_note(self[step]) or {}).get("step")
        return "" if named == step else f"it was written as step {named}"

    def find_old(self, *, keep: int, keep_best: int) -> list[int]:
        """Returns all but the newest and, beside them, those of the best `top1`.

        One without `top1` is never among the best; of equals the newer is.
        """
        steps = self.steps()
        notes = [(step, read_note(self[step]) or {}) for step in steps]
        scores = [(note.get("top1"), step) for step, note in notes]
        ranked = sorted((top1, step) for top1, step in scores if top1 is not None)
        best = {step for _, step in ranked[max(0, len(ranked) - keep_best) :]}
        return [step for step in steps[:-keep] if step not in best]

    def remove(self, steps: Iterable[int]) -> None:
        """Removes checkpoints, each whole under its name to the last."""
        for step in steps:
            self[step].rename(self.part(step))
            shutil.rmtree(self.part(step))

    def put_aside(self, step: int, damage: str) -> None:
        """Moves a damaged checkpoint out of the folder, with a warning."""
        aside = self.path.with_name(f"{self.path.name}.damaged") / str(step)
        aside.parent.mkdir(exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        self[step].rename(aside)
        warnings.warn(
            f"the checkpoint {self[step]} is damaged: {damage}. It is put aside in"
            f" {aside}.",
            InputWarning,
            stacklevel=2,
        )
