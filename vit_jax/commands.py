"""What each command but `train` takes and does; `vit_jax.cli` finds them by name.

Heavy packages are imported inside the commands: `--help` answers at once.
"""

import dataclasses
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from vit_jax.errors import InputError, near


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Tells a trained model's accuracy, each image counted once."""

    workdir: Positional[Path]
    """Folder of a finished run."""
    split: Literal["held-out", "train"] = "held-out"
    """Which of the run's images."""
    batch_size: int = 360

    def run(self) -> int:
        """Prints the accuracy and the loss."""
        from vit_jax.evaluate import check_fits, evaluate
        from vit_jax.release import load_release
        from vit_jax.train.open_data import open_images
        from vit_jax.train.workdir import read_config

        if self.batch_size < 1:
            raise InputError(f"--batch-size {self.batch_size}: give at least 1.")
        data = read_config(self.workdir).data
        release = load_release(self.workdir)
        part = "eval" if self.split == "held-out" else "train"
        # Training images as those to evaluate on: whole, not cropped at random.
        images = open_images(
            dataclasses.replace(data, crop="none"), release.config, part
        )
        check_fits(
            release.config, images.source, images.transform, pixels=release.pixels
        )
        found = evaluate(
            release.config,
            release.params,
            release.pixels,
            images.source,
            batch_size=self.batch_size,
            transform=images.transform,
        )
        say(f"{accuracy(found, self.split)}, loss {found.loss:.4f}")
        return 0


@dataclasses.dataclass(frozen=True)
class Predict:
    """Tells the likeliest classes of images."""

    workdir: Positional[Path]
    """Folder of a finished run, or of a released model."""
    images: Positional[tuple[Path, ...]]
    top: int = 3
    """How many classes an image."""

    def run(self) -> int:
        """Prints one line an image."""
        from vit_jax.predict import predict
        from vit_jax.release import load_release

        if not self.images:
            raise InputError("name at least one image file.")
        if self.top < 1:
            raise InputError(f"--top {self.top}: ask for at least one class.")
        for found in predict(load_release(self.workdir), self.images, top=self.top):
            shares = (f"{name} {100 * share:.1f} %" for name, share in found.classes)
            say(f"{found.image}: {', '.join(shares)}")
        return 0


@dataclasses.dataclass(frozen=True)
class Presets:
    """Lists the published models that weights can be named by.

    Pixels: mean and deviation after scaling to 0..1, of ImageNet, of CLIP, half (0.5
    and 0.5) or unit (0 and 1). A model's own name tells all of it.
    """

    pattern: Positional[str] = ""
    """Part of a name, such as dinov2; a whole name tells all of that model."""

    def run(self) -> int:
        """Prints one line a preset."""
        from vit_jax.pixels import NAMES
        from vit_jax.presets import PRESETS

        if self.pattern in PRESETS:
            say(_describe(self.pattern))
            return 0
        found = [p for p in PRESETS.values() if self.pattern in p.name]
        if not found:
            told = near(self.pattern, PRESETS, count=3)
            raise InputError(f"no preset has {self.pattern!r} in its name.{told}")
        line = "{:<42} {:>9} {:>5} {:>5} {:>5}  {:<8} {:<22} {}"
        heads = ("name", "image", "width", "depth", "heads", "pixels", "layout")
        say(line.format(*heads, "source"))
        for preset in found:
            c = preset.config
            rows, columns, _ = c.image_shape
            size = (f"{rows}x{columns}", c.embed_dim, c.depth, c.num_heads)
            pixels = NAMES.get(preset.pixels, "half")  # of one channel
            say(line.format(preset.name, *size, pixels, preset.layout, preset.source))
        return 0


def _describe(name: str) -> str:
    """Returns all that is known of a preset."""
    import math

    from vit_jax.model.params import param_shapes
    from vit_jax.presets import PRESETS

    preset = PRESETS[name]
    count = sum(math.prod(shape) for shape in param_shapes(preset.config).values())
    return "\n".join(
        [
            f"{name}: {count:,} parameters",
            f"source {preset.source}",
            f"layout {preset.layout}",
            f"pixels mean {preset.pixels.mean}, std {preset.pixels.std}",
            "where it differs from ViT-B/16:",
            *(f"  {key} = {value!r}" for key, value in preset.changes().items()),
        ]
    )


def accuracy(found: Any, split: str = "held-out") -> str:
    """Returns an evaluation's accuracy in words."""
    right = round(found.top1 * found.images)
    return (
        f"{split} accuracy {100 * found.top1:.2f} % ({right} of {found.images} images)"
    )


def say(line: str) -> None:
    """Prints what was asked for."""
    print(line, flush=True)  # noqa: T201
