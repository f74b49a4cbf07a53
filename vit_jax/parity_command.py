"""What `parity` takes and does: two models compared, or two trainings.

Heavy packages are imported inside the command: `--help` answers at once.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from vit_jax.commands import say
from vit_jax.errors import InputError
from vit_jax.weights.options import ModelOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How two trainings are compared; --train-steps asks for it."""

    train_steps: int | None = None
    """Train both for so many steps from the file's weights, on embedded digits, and
    compare losses, the first gradients and the first update."""
    optimizer: Literal["adamw", "sgd", "lamb", "lion"] | None = None
    """adamw if not given. torch.optim's AdamW and SGD; timm.optim's Lamb and Lion."""
    batch_size: int | None = None
    """32 if not given."""
    learning_rate: float | None = None
    """At its peak, a tenth into the steps. adamw 1e-3, sgd 0.1, lamb 5e-3, lion 1e-4
    if not given."""

    def check(self) -> None:
        """Raises InputError for what cannot be obeyed."""
        given = {
            f"--{name.replace('_', '-')}": value
            for name in ("optimizer", "batch_size", "learning_rate")
            if (value := getattr(self, name)) is not None
        }
        if self.train_steps is None:
            if given:
                raise InputError(
                    f"{', '.join(given)}: of training; give --train-steps N too, or"
                    " leave it out."
                )
            return
        if self.train_steps < 1:
            raise InputError(f"--train-steps {self.train_steps}: give at least 1.")
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"--batch-size {self.batch_size}: give at least 1.")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise InputError(f"--learning-rate {self.learning_rate}: give more than 0.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity(ModelOptions, TrainingOptions):
    """Compares a weights file's model, or its training, with a torch module's.

    Both get the file's weights and the same random images. Exit code 0 if they agree at
    every stage, 1 if they do not: then the first stage that differs is named, and the
    cause is looked for. Without --preset the one of timm's name counts.

    With --train-steps N both are trained, and the first loss, gradient or update that
    differs is named. An error counts that is beyond the tolerance and beyond ten times
    what torch in float32 is from torch in float64.
    """

    source: Positional[Path]
    """Weights file, or a model's folder."""
    reference: str
    """timm:NAME, hf:FOLDER, torchvision:NAME, open_clip:NAME, or FILE.py:FUNCTION, a
    function that returns a torch module."""
    images: int | None = None
    """How many; 2 if not given."""
    seed: int = 0
    """Of the images."""
    tolerance: float | None = None
    """Largest relative error; 1e-5, from 24 blocks on 5e-5. Of training: 1e-5 for
    gradients, update and 20 losses, and 100 times that for later losses."""
    json: bool = False
    """Print the report as JSON."""
    picture: Path | None = None
    """Also draw the errors by stage or step, as .png, .pdf or .svg."""

    def run(self) -> int:
        """Prints the table."""
        self.check()
        if self.images is not None and self.images < 1:
            raise InputError(f"--images {self.images}: give at least 1.")
        if self.images is not None and self.train_steps is not None:
            raise InputError("--images: training takes --batch-size instead.")
        if self.tolerance is not None and not self.tolerance > 0:
            raise InputError(f"--tolerance {self.tolerance}: give more than 0.")
        if self.picture and self.picture.suffix not in (".png", ".pdf", ".svg"):
            raise InputError(f"--picture {self.picture}: give .png, .pdf or .svg.")
        report = self._compare() if self.train_steps is None else self._train()
        say(json.dumps(report.to_fields(), indent=1) if self.json else str(report))
        if self.picture:
            report.draw(self.picture, title=f"{self.source.name} and {self.reference}")
        return 0 if report.ok else 1

    def _compare(self) -> Any:
        from vit_jax.weights.proof.prove import prove

        return prove(
            self.source,
            self.reference,
            num_images=2 if self.images is None else self.images,
            tolerance=self.tolerance,
            seed=self.seed,
            **self._told(),
        )

    def _train(self) -> Any:
        from vit_jax.train.proof.prove import prove_training

        names = ("optimizer", "batch_size", "learning_rate", "tolerance")
        given = {name: getattr(self, name) for name in names}
        return prove_training(
            self.source,
            self.reference,
            steps=self.train_steps or 0,
            seed=self.seed,
            **{name: value for name, value in given.items() if value is not None},
            **self._told(),
        )

    def _told(self) -> dict[str, Any]:
        return {
            "preset": self.preset,
            "source_layout": self.source_layout,
            "entry": self.entry,
            **self.fields(),
        }
