"""The Vision Transformer for JAX.

Every command has `--help`. Heavy packages are imported inside the commands: `vit-jax
--help` answers at once.
"""

import dataclasses
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tyro

from vit_jax.commands import Evaluate, Predict, Presets, accuracy, say
from vit_jax.data_commands import DATA_COMMANDS
from vit_jax.errors import InputError, InputWarning, near
from vit_jax.parity_command import Parity
from vit_jax.run_commands import Diff, Replay
from vit_jax.weights_commands import Convert, Inspect, Layouts


def main(args: list[str] | None = None, *, prog: str = "vit-jax") -> int:
    """Runs one command; returns its exit code.

    0: done. 1: training diverged, two models differ, a disk failed, or another process
    was lost. 2: what was given cannot be used, told in one message. 70: a run hung. 130
    and 143: stopped by Ctrl-C or SIGTERM, and saved.
    """
    args = sys.argv[1:] if args is None else args
    if not args or args[0] in ("-h", "--help"):
        say(_usage())
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
    from vit_jax.train.init_config import check_flags
    from vit_jax.train.lengths import Timed, drop_flagged

    if args and not args[0].startswith("-"):
        recipe, prog = load_recipe(Path(args[0])), f"{prog} {args[0]}"
        run, optim = drop_flagged(Timed(recipe.run, recipe.optim), args[1:])
        recipe = dataclasses.replace(recipe, run=run, optim=optim)
        config = tyro.cli(TrainConfig, default=recipe, args=args[1:], prog=prog)
    elif args and args[0] in ("-h", "--help"):
        tyro.cli(TrainConfig, args=["--help"], prog=f"{prog} RECIPE")
        return 0
    else:
        raise InputError(f"name a recipe: {prog} configs/digits.py [overrides].")

    if config.init.weights is not None:
        check_flags(args[1:])

    from vit_jax.agree import is_first
    from vit_jax.train.divergence import DivergedError
    from vit_jax.train.hosts.lost import LostError
    from vit_jax.train.interrupt import Interrupted
    from vit_jax.train.loop import train as run
    from vit_jax.train.report.goodput import process_age

    try:
        found, model = run(config, age=process_age())
    except Interrupted as stop:
        _tell(str(stop))
        return stop.exit_code
    except (DivergedError, LostError) as error:
        _tell(f"error: {error}")
        return 1
    if is_first():
        say(f"{accuracy(found)}; the model lies in {model}")
    return 0


def _command(kind: type[Any]) -> Callable[[list[str], str], int]:
    def run(args: list[str], prog: str) -> int:
        command = tyro.cli(kind, args=args, prog=prog)
        # As an exception, so that what is half-written is cleared away.
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            return command.run()
        finally:
            signal.signal(signal.SIGTERM, before)

    run.__doc__ = kind.__doc__
    return run


def data(args: list[str], prog: str) -> int:
    """Checks a collection of images, or writes it as a TFDS data set."""
    if not args or args[0] not in DATA_COMMANDS:
        helps = args[:1] in ([], ["-h"], ["--help"])
        told = "" if helps else f"there is no command data {args[0]!r}. "
        lines = [f"{told}usage: {prog} COMMAND ...", ""]
        for name, kind in DATA_COMMANDS.items():
            lines.append(f"  {name:<10} {(kind.__doc__ or '').splitlines()[0]}")
        if not helps:
            raise InputError("\n".join(lines))
        say("\n".join(lines))
        return 0 if args else 2
    return _command(DATA_COMMANDS[args[0]])(args[1:], f"{prog} {args[0]}")


COMMANDS: dict[str, Callable[[list[str], str], int]] = {
    "train": train,
    "evaluate": _command(Evaluate),
    "predict": _command(Predict),
    "replay": _command(Replay),
    "diff": _command(Diff),
    "inspect": _command(Inspect),
    "convert": _command(Convert),
    "parity": _command(Parity),
    "presets": _command(Presets),
    "layouts": _command(Layouts),
    "data": data,
}


def _stop(*_: Any) -> None:
    raise SystemExit(143)


def _usage() -> str:
    lines = ["usage: vit-jax COMMAND ...", "", (__doc__ or "").split("\n")[0], ""]
    for name, command in COMMANDS.items():
        lines.append(f"  {name:<10} {(command.__doc__ or '').splitlines()[0]}")
    return "\n".join([*lines, "", "vit-jax COMMAND --help tells a command's options."])


def _tell(line: str) -> None:
    print(f"vit-jax: {line}", file=sys.stderr, flush=True)  # noqa: T201
