"""The Vision Transformer for JAX.

Every command has `--help`. Heavy packages are imported inside the commands: `vit-jax
--help` answers at once.
"""

import dataclasses
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional, arg

from vit_jax.errors import InputError, InputWarning, near


def main(args: list[str] | None = None, *, prog: str = "vit-jax") -> int:
    """Runs one command; returns its exit code.

    0: done. 1: training diverged, or a disk failed. 2: what was given cannot be used,
    told in one message. 130 and 143: stopped by Ctrl-C or SIGTERM, and saved.
    """
    args = sys.argv[1:] if args is None else args
    if not args or args[0] in ("-h", "--help"):
        _print(_usage())
        return 0 if args else 2
    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=InputWarning)
        warnings.showwarning = lambda message, *_, **__: _tell(f"note: {message}")
        try:
            if args[0] not in COMMANDS:
                raise InputError(
                    f"there is no command {args[0]!r}.{near(args[0], COMMANDS)}"
                    f" The commands: {', '.join(COMMANDS)}."
                )
            prefix = prog if prog != "vit-jax" else f"{prog} {args[0]}"
            return COMMANDS[args[0]](args[1:], prefix)
        except InputError as error:
            _tell(f"error: {error}")
            return 2
        except KeyboardInterrupt:  # before training began, or in another command
            _tell("stopped by Ctrl-C")
            return 130
        except OSError as error:  # a disk that is full or gone, a folder that is locked
            _tell(f"error: {error}")
            return 1


def train(args: list[str], prog: str) -> int:
    """Trains a model by a recipe; started again, it goes on where it stopped."""
    from vit_jax.train.config import TrainConfig, load_recipe

    if args and not args[0].startswith("-"):
        recipe, prog = load_recipe(Path(args[0])), f"{prog} {args[0]}"
        config = tyro.cli(TrainConfig, default=recipe, args=args[1:], prog=prog)
    elif args and args[0] in ("-h", "--help"):
        tyro.cli(TrainConfig, args=["--help"], prog=f"{prog} RECIPE")
        return 0
    else:
        raise InputError(f"name a recipe: {prog} configs/digits.py [overrides].")

    from vit_jax.train.interrupt import Interrupted
    from vit_jax.train.loop import DivergedError
    from vit_jax.train.loop import train as run

    try:
        found, model = run(config)
    except Interrupted as stop:
        _tell(str(stop))
        return stop.exit_code
    except DivergedError as error:
        _tell(f"error: {error}")
        return 1
    _print(f"{_accuracy(found)}; the model lies in {model}")
    return 0


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Tells a trained model's accuracy, each image counted once."""

    workdir: Positional[Path]
    """Folder of a finished run."""
    split: Literal["held-out", "train"] = "held-out"
    """Which of the run's images."""
    batch_size: int = 360

    def run(self) -> None:
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
        _print(f"{_accuracy(found, self.split)}, loss {found.loss:.4f}")


@dataclasses.dataclass(frozen=True)
class Predict:
    """Tells the likeliest classes of images."""

    workdir: Positional[Path]
    """Folder of a finished run, or of a released model."""
    images: Positional[tuple[Path, ...]]
    top: int = 3
    """How many classes an image."""

    def run(self) -> None:
        """Prints one line an image."""
        from vit_jax.predict import predict
        from vit_jax.release import load_release

        if not self.images:
            raise InputError("name at least one image file.")
        if self.top < 1:
            raise InputError(f"--top {self.top}: ask for at least one class.")
        for found in predict(load_release(self.workdir), self.images, top=self.top):
            shares = (f"{name} {100 * share:.1f} %" for name, share in found.classes)
            _print(f"{found.image}: {', '.join(shares)}")


@dataclasses.dataclass(frozen=True)
class Convert:
    """Writes one weights file or model folder as another, every tensor bit for bit.

    Files: .safetensors, .pth, .pt, .bin (written where torch is installed). A path
    without suffix is a folder of this project's own.
    """

    source: Positional[Path]
    target: Positional[Path]
    preset: str | None = None
    """Published model that the weights are of; see `vit-jax presets`."""
    layout: str = "timm"
    """Whose names a target file gets."""
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

    def run(self) -> None:
        """Prints what was converted."""
        from vit_jax.weights.convert import convert

        names = ["num_heads", "norm_eps", "activation", "num_classes", "image_size"]
        given = {name: getattr(self, name) for name in names}
        overrides = {name: value for name, value in given.items() if value is not None}
        release = convert(
            self.source,
            self.target,
            preset=self.preset,
            layout=self.layout,
            **overrides,
        )
        count = sum(array.size for array in release.params.values())
        c = release.config
        _print(
            f"{self.source} -> {self.target}: {count:,} parameters; image_size"
            f" {c.image_size}, patch_size {c.patch_size}, embed_dim {c.embed_dim},"
            f" depth {c.depth}, num_heads {c.num_heads}, num_classes {c.num_classes}"
        )


@dataclasses.dataclass(frozen=True)
class Presets:
    """Lists the published models that weights can be named by."""

    def run(self) -> None:
        """Prints one line a preset."""
        from vit_jax.presets import PRESETS

        for preset in PRESETS.values():
            c = preset.config
            _print(
                f"{preset.name:<36} {c.embed_dim:>4} wide {c.depth:>2} deep"
                f" {c.num_heads:>2} heads  {preset.source}"
            )


def _command(kind: type[Any]) -> Callable[[list[str], str], int]:
    def run(args: list[str], prog: str) -> int:
        tyro.cli(kind, args=args, prog=prog).run()
        return 0

    run.__doc__ = kind.__doc__
    return run


COMMANDS: dict[str, Callable[[list[str], str], int]] = {
    "train": train,
    "evaluate": _command(Evaluate),
    "predict": _command(Predict),
    "convert": _command(Convert),
    "presets": _command(Presets),
}


def _usage() -> str:
    lines = ["usage: vit-jax COMMAND ...", "", (__doc__ or "").split("\n")[0], ""]
    for name, command in COMMANDS.items():
        lines.append(f"  {name:<10} {(command.__doc__ or '').splitlines()[0]}")
    return "\n".join([*lines, "", "vit-jax COMMAND --help tells a command's options."])


def _accuracy(found: Any, split: str = "held-out") -> str:
    right = round(found.top1 * found.images)
    return (
        f"{split} accuracy {100 * found.top1:.2f} % ({right} of {found.images} images)"
    )


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _tell(line: str) -> None:
    print(f"vit-jax: {line}", file=sys.stderr, flush=True)  # noqa: T201
