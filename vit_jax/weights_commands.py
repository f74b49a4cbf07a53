"""What the commands on weights take and do: convert, inspect, layouts, parity.

Heavy packages are imported inside the commands: `--help` answers at once.
"""

import dataclasses
import json
from pathlib import Path

from tyro.conf import Positional

from vit_jax.commands import say
from vit_jax.errors import InputError, near
from vit_jax.weights.options import AdaptOptions, ModelOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convert(ModelOptions, AdaptOptions):
    """Writes one weights file or model folder as another, every tensor bit for bit.

    Whose file the source is, is found out. Files: .safetensors (also an index of
    shards), .npz, .msgpack, .pth, .pt, .bin (read without torch, written with it). A
    target without suffix is a folder: of this project's own, or with --layout one that
    the publisher's library opens.
    """

    source: Positional[Path]
    """Weights file, folder of ours, of Hugging Face or of timm, or hf:ORG/NAME."""
    target: Positional[Path]
    """File or folder to write."""
    layout: str | None = None
    """Whose names the target gets; the source's if not given."""

    def run(self) -> int:
        """Prints what was converted."""
        from vit_jax.weights.convert import convert

        release = convert(
            self.source,
            self.target,
            layout=self.layout,
            progress=True,
            source_layout=self.source_layout,
            preset=self.preset,
            entry=self.entry,
            adapting=self.adapting(),
            **self.fields(),
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
    """timm:NAME, hf:FOLDER, torchvision:NAME, open_clip:NAME, or FILE.py:FUNCTION, a
    function that returns a torch module."""
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
        from vit_jax.weights.proof.prove import prove

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
            source_layout=self.source_layout,
            entry=self.entry,
            num_images=self.images,
            seed=self.seed,
            tolerance=self.tolerance,
            **self.fields(),
        )
        say(json.dumps(report.to_fields(), indent=1) if self.json else str(report))
        if self.picture:
            report.draw(self.picture, title=f"{self.source.name} and {self.reference}")
        return 0 if report.ok else 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspect(ModelOptions):
    """Says what a weights file is: layout, model, size, and what cannot be known."""

    source: Positional[Path]
    """Weights file, folder of ours, of Hugging Face or of timm, or hf:ORG/NAME."""
    json: bool = False
    """Print it as JSON."""

    def run(self) -> int:
        """Prints what was found; 1 where that is not a whole model."""
        from vit_jax.weights.recognise.inspect import inspect

        if self.preset:
            raise InputError("--preset is what inspect finds out: leave it out.")
        found = inspect(
            self.source, layout=self.source_layout, entry=self.entry, **self.fields()
        )
        say(json.dumps(found.to_fields(), indent=1) if self.json else str(found))
        return 1 if found.unknown or found.faults else 0


@dataclasses.dataclass(frozen=True)
class Layouts:
    """Lists whose files are read and written: the names for --layout."""

    pattern: Positional[str] = ""
    """Part of a name, such as dinov2."""

    def run(self) -> int:
        """Prints one line a layout."""
        from vit_jax.weights.layouts import LAYOUTS

        found = [x for x in LAYOUTS.values() if self.pattern in x.name]
        if not found:
            told = near(self.pattern, LAYOUTS, count=3)
            raise InputError(f"no layout has {self.pattern!r} in its name.{told}")
        for layout in found:
            say(f"{layout.name:<40} {layout.title}")
        return 0
