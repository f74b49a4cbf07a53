"""RunConfig: how long a run is, and how it keeps what it has done."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How long, where, and how often it tells and saves."""

    workdir: Path = Path("runs/vit")
    """Folder of the metrics, the curves, the checkpoints and the model."""
    seed: int = 0
    """Decides every random number of the run."""
    steps: int = 0
    """Length, or 0 where epochs or examples say it."""
    epochs: float = 0
    """Length as the times that the training images come; a step is data.batch_size of
    them, repeated or not."""
    examples: int = 0
    """Length as training images, counted again each time that they come."""
    log_every_steps: int = 50
    eval_every_steps: int = 250
    """Evaluates on all held-out images; the last step always does."""
    save_every_steps: int = 250
    """The last step, Ctrl-C and SIGTERM always save."""
    keep_checkpoints: int = 2
    """How many of the newest are kept."""
    keep_best: int = 0
    """How many are kept besides, by held-out accuracy; each evaluation then saves."""
    max_bad_steps: int = 10
    """A step whose loss or gradient is not finite changes nothing. After so many in a
    row the run goes back to the checkpoint before them and passes their batches."""
    max_rewinds: int = 3
    """How often it may go back; then it stops."""
    also: tuple[Literal["tensorboard", "wandb"], ...] = ()
    """Where metrics go besides metrics.jsonl: event files for TensorBoard, which need
    pip install '.[tensorboard]', or Weights & Biases, '.[wandb]'."""
    profile: tuple[int, int] | None = None
    """First and last step that JAX's profiler traces into the workdir, counted from
    this start of the run; its first step is compiled, so from 2 on."""
    hang_seconds: float = 1800.0
    """After so long without a step, an evaluation or a save the run tells where it
    hangs, and ends. 0 never does."""


def find_run_faults(c: RunConfig) -> Iterator[str]:
    """Yields a sentence for each fault."""
    for name in (
        "log_every_steps",
        "eval_every_steps",
        "save_every_steps",
        "keep_checkpoints",
        "max_bad_steps",
    ):
        if getattr(c, name) < 1:
            yield f"{name}={getattr(c, name)}; at least 1."
    for name in ("seed", "keep_best", "max_rewinds", "hang_seconds"):
        if getattr(c, name) < 0:
            yield f"{name}={getattr(c, name)} is negative."
    last = c.steps or math.inf
    if c.profile is not None and not 2 <= c.profile[0] <= c.profile[1] <= last:
        yield (
            f"profile={c.profile}; give the first and the last step to trace, at least"
            " 2, in order, and none behind the run's last."
        )
