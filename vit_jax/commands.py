"""What each command but `train` takes and does; `vit_jax.cli` finds them by name.

Heavy packages are imported inside the commands: `--help` answers at once.
"""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

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
        from vit_jax.train.workdir import read_config

        if self.batch_size < 1:
            raise InputError(f"--batch-size {self.batch_size}: give at least 1.")
        data = read_config(self.workdir).data
        release = load_release(self.workdir)
        source = data.eval if self.split == "held-out" else data.train
        check_fits(release.config, source)
        found = evaluate(
            release.config,
            release.params,
            release.pixels,
            source,
            batch_size=self.batch_size,
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """What a weights file does not tell of its model."""

    preset: str | None = None
    """Published model that the weights are of; see `vit-jax presets`."""
    num_heads: int | None = None
    """Where no preset says it: weights do not tell."""
    norm_eps: float | None = None
    """Where no preset says it: weights do not tell."""
    activation: Literal["gelu", "gelu_tanh", "quick_gelu", "relu", "silu"] | None = None
    """Where no preset says it: weights do not tell."""
    num_classes: int | None = None
    """Where it is not the preset's."""
    image_size: Annotated[int | tuple[int, int] | None, arg(metavar="INT [INT]")] = None
    """Where it is not the preset's."""

    def overrides(self) -> dict[str, Any]:
        """Returns the fields of ViTConfig that were given."""
        names = [field.name for field in dataclasses.fields(ModelOptions)]
        given = {name: getattr(self, name) for name in names if name != "preset"}
        return {name: value for name, value in given.items() if value is not None}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convert(ModelOptions):
    """Writes one weights file or model folder as another, every tensor bit for bit.

    Files: .safetensors, .pth, .pt, .bin (written where torch is installed). A path
    without suffix is a folder of this project's own.
    """

    source: Positional[Path]
    target: Positional[Path]
    layout: str | None = None
    """Whose names a target file gets; the source's if not given."""

    def run(self) -> int:
        """Prints what was converted."""
        from vit_jax.weights.convert import convert

        release = convert(
            self.source,
            self.target,
            preset=self.preset,
            layout=self.layout,
            **self.overrides(),
        )
        count = sum(array.size for array in release.params.values())
        c = release.config
        say(
            f"{self.source} -> {self.target}: {count:,} parameters; image_size"
            f" {c.image_size}, patch_size {c.patch_size}, embed_dim {c.embed_dim},"
            f" depth {c.depth}, num_heads {c.num_heads}, num_classes {c.num_classes}"
        )
        return 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity(ModelOptions):
    """Compares a weights file's model with a torch module, stage by stage.

    Both get the file's weights and the same random images. Exit code 0 if they agree at
    every stage, 1 if they do not: then the first stage that differs is named, and the
    cause is looked for. Without --preset the one of timm's name counts.
    """

    source: Positional[Path]
    """Weights file, or a model's folder."""
    reference: str
    """timm:NAME, or FILE.py:FUNCTION, a function that returns a torch module."""
    images: int = 2
    """How many."""
    seed: int = 0
    """Of the images."""
    tolerance: float | None = None
    """Largest relative error; 1e-5, from 24 blocks on 5e-5."""
    json: bool = False
    """Print the report as JSON."""
    picture: Path | None = None
    """Also draw the errors by stage, as .png, .pdf or .svg."""

    def run(self) -> int:
        """Prints the table."""
        from vit_jax.weights.prove import prove

        if self.images < 1:
            raise InputError(f"--images {self.images}: give at least 1.")
        if self.tolerance is not None and not self.tolerance > 0:
            raise InputError(f"--tolerance {self.tolerance}: give more than 0.")
        if self.picture and self.picture.suffix not in (".png", ".pdf", ".svg"):
            raise InputError(f"--picture {self.picture}: give .png, .pdf or .svg.")
        report = prove(
            self.source,
            self.reference,
            preset=self.preset,
            num_images=self.images,
            seed=self.seed,
            tolerance=self.tolerance,
            **self.overrides(),
        )
        say(json.dumps(report.to_fields(), indent=1) if self.json else str(report))
        if self.picture:
            report.draw(self.picture, title=f"{self.source.name} and {self.reference}")
        return 0 if report.ok else 1


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
