"""What the commands on runs take and do: replay, diff.

Heavy packages are imported inside the commands: `--help` answers at once.
"""

import dataclasses
import json
from pathlib import Path

from tyro.conf import Positional

from vit_jax.commands import say


@dataclasses.dataclass(frozen=True)
class Replay:
    """Takes one step of a run again, and tells what in it is not finite.

    The step of the newest flight record; a run writes one for the first of each streak
    of steps whose loss or gradients are not finite. Exit code 0 if it could be taken,
    whatever it gave.
    """

    workdir: Positional[Path]
    """Folder of a run that is not going on."""
    step: int | None = None
    """Another step; the first is 1."""
    json: bool = False
    """Print the report as JSON, with every image of the batch."""

    def run(self) -> int:
        """Prints numbers, gradients, stages and images."""
        from vit_jax.train.replay import replay

        found = replay(self.workdir, self.step, progress=True)
        say(json.dumps(found.to_fields(), indent=1) if self.json else str(found))
        return 0


@dataclasses.dataclass(frozen=True)
class Diff:
    """Names where two runs part: config, logged loss, saved state.

    Exit code 0 if they do not, 1 if they do. Fields that decide nothing may differ.
    """

    run_a: Positional[Path]
    """Folder of a run."""
    run_b: Positional[Path]
    json: bool = False
    """Print the report as JSON."""

    def run(self) -> int:
        """Prints the first difference of each kind."""
        from vit_jax.train.diff import diff

        found = diff(self.run_a, self.run_b)
        say(json.dumps(found.to_fields(), indent=1) if self.json else str(found))
        return 0 if found.equal else 1
