"""What the commands on weights take and do: convert, inspect, layouts.

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
