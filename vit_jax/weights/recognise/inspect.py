"""What any weights file is, and what cannot be known of it."""

import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.pixels import Pixels
from vit_jax.release import is_release, load_release
from vit_jax.weights import hub
from vit_jax.weights.faults import fold
from vit_jax.weights.files import read_tensors
from vit_jax.weights.folders.read import SideFiles, read_side_files
from vit_jax.weights.layouts import find_layout
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.recognise.detect import Detection, detect
from vit_jax.weights.recognise.infer import UndecidedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspection:
    """What a file is; `unknown` says why, where it is not known."""

    file: str
    size: int
    """Bytes of the tensors."""
    dtypes: dict[str, int]
    """Tensors of each dtype."""
    layout: str | None = None
    title: str = "of nobody who is known here"
    config: ViTConfig | None = None
    told: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    """Fields that keys and shapes say."""
    presets: tuple[str, ...] = ()
    """Published models of these shapes."""
    guessed: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    reason: str = ""
    side: tuple[str, ...] = ()
    """Fields that files beside it say."""
    pixels: Pixels | None = None
    num_class_names: int = 0
    prefix: str = ""
    extras: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    """What does not fit."""
    unknown: str = ""

    def to_fields(self) -> dict[str, Any]:
        """Returns plain fields for JSON."""
        fields = dataclasses.asdict(self)
        return {**fields, "parameters": self.num_parameters}

    @property
    def num_parameters(self) -> int:
        """Of the model; 0 where it is not known."""
        if self.config is None:
            return 0
        return sum(math.prod(shape) for shape in param_shapes(self.config).values())

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {name}" for name, count in self.dtypes.items())
        lines = [
            f"{self.file}: {self.size:,} bytes in tensors ({kinds})",
            f"layout      {self.layout or 'unknown'}: {self.title}",
            *self._model(),
        ]
        if self.prefix:
            lines.append(f"prefix      {self.prefix} stands before the names")
        for name, found in (("beside it", self.extras), ("not fitting", self.faults)):
            lines += [f"{name:<11} {line.strip()}" for line in found]
        return "\n".join([*lines, *([self.unknown] if self.unknown else [])])

    def _model(self) -> list[str]:
        if self.config is None:
            told = {n: v for n, v in self.told.items() if v != getattr(ViTConfig, n)}
            return [f"model       {_tell(told)}"] if self.told else []
        changes = {
            field.name: getattr(self.config, field.name)
            for field in dataclasses.fields(self.config)
            if getattr(self.config, field.name) != field.default
        }
        told = {n: v for n, v in changes.items() if n not in self.guessed}
        lines = [
            f"parameters  {self.num_parameters:,}",
            f"model       {_tell(told) or 'ViT-B/16'}",
        ]
        if self.presets:
            lines.append(f"shapes of   {', '.join(self.presets[:6])}")
        if self.side:
            lines.append(f"side files  say {', '.join(self.side)}")
        if self.guessed:
            lines.append(f"guessed     {_tell(self.guessed)}: {self.reason}")
        if self.pixels:
            lines.append(f"pixels      mean {self.pixels.mean}, std {self.pixels.std}")
        if self.num_class_names:
            lines.append(f"classes     {self.num_class_names} names")
        return lines


def inspect(
    path: Path,
    *,
    layout: str | None = None,
    entry: str | None = None,
    **known: Any,
) -> Inspection:
    """Returns what a weights file or folder is, as far as can be known.

    Args:
      layout: whose names it has; None to find out.
      entry: which of several wrapped dicts of weights.
      known: fields of ViTConfig.

    Raises:
      InputError: there is no such file, or it is damaged.
    """
    path = hub.fetch(path) if hub.is_id(path) else path
    if path.is_dir() and is_release(path):
        return _inspect_own(path)
    side = read_side_files(path)
    tensors = read_tensors(side.weights, entry=entry)
    try:
        found = detect(tensors, {**side.fields, **known}, layout=layout)
    except UndecidedError as error:
        return Inspection(
            file=str(path),
            **_sizes(tensors),
            layout=error.layout.name,
            title=error.layout.title,
            told=error.told,
            unknown=f"unknown     {error}",
        )
    except InputError as error:
        unknown = f"unknown     {error}"
        return Inspection(file=str(path), **_sizes(tensors), unknown=unknown)
    return _told(path, tensors, found, side)


def _told(
    path: Path, tensors: dict[str, NDArray[Any]], found: Detection, side: SideFiles
) -> Inspection:
    inference = found.inference
    extras: dict[str, NDArray[Any]] = {}
    if not found.faults:
        plan = make_plan(inference.layout, inference.config)
        extras = plan.keep_extras(found.tensors)
    return Inspection(
        file=str(path),
        **_sizes(tensors),
        layout=inference.layout.name,
        title=inference.layout.title,
        config=inference.config,
        told=inference.told,
        presets=inference.presets,
        guessed=inference.guessed,
        reason=inference.reason,
        side=tuple(side.fields),
        pixels=side.pixels,
        num_class_names=len(side.class_names),
        prefix=found.prefix,
        extras=tuple(_fold_names(extras)),
        faults=tuple(fold(found.faults)),
    )


def _inspect_own(path: Path) -> Inspection:
    release = load_release(path)
    return Inspection(
        file=str(path),
        **_sizes({**release.params, **release.extras}),
        layout=release.layout,
        title=(
            f"a folder of ours; the weights came as {find_layout(release.layout).title}"
            if release.layout
            else "a folder of ours"
        ),
        config=release.config,
        pixels=release.pixels,
        num_class_names=len(release.class_names),
        extras=tuple(_fold_names(release.extras)),
    )


def _sizes(tensors: dict[str, NDArray[Any]]) -> dict[str, Any]:
    return {
        "size": sum(tensor.nbytes for tensor in tensors.values()),
        "dtypes": dict(Counter(str(tensor.dtype) for tensor in tensors.values())),
    }


def _fold_names(tensors: dict[str, NDArray[Any]]) -> list[str]:
    """Returns the first words of names, with how many begin so."""
    words = Counter(key.replace("/", ".").split(".")[0] for key in tensors)
    return [f"{word} ({count} tensors)" for word, count in words.items()]


def _tell(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in fields.items())
