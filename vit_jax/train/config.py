"""TrainConfig: one experiment, from a recipe's file and the overrides."""

import dataclasses
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from vit_jax.config import ViTConfig
from vit_jax.errors import InputError
from vit_jax.train.augment.config import AugmentConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which images, how they get the model's size, and how they are batched."""

    source: str = "digits"
    """digits; a folder of class folders, of a TFDS data set, of .parquet, .arrow or
    .tar files; a .npz file; or the name of a TFDS data set."""
    data_dir: Path = Path("~/tensorflow_datasets")
    """Where TFDS data sets lie."""
    train_split: str = "train"
    """TFDS's words for a part of it too, such as train[:90%]."""
    eval_split: str = "test"
    crop: Literal["none", "random"] = "none"
    """none: training images have the model's size, or get it as those to evaluate on
    do. random: a part of each, of random area and shape (arXiv:1409.4842)."""
    crop_scale: tuple[float, float] = (0.08, 1.0)
    """Least and largest share of an image's area that a random crop takes."""
    resize: Literal["none", "center", "squash"] = "none"
    """none: images have the model's size. center: the shorter edge is scaled to
    image_size / crop_fraction, then the middle is cut out. squash: both edges are."""
    crop_fraction: float = 0.875
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    in_memory: bool = False
    """Decode once and keep all images; for small data sets, without a random crop."""
    batch_size: int = 64
    eval_batch_size: int = 360
    num_threads: int = 1
    """Threads that read ahead; 0 reads when a batch is asked for."""
    num_workers: int = 0
    """Processes that read ahead, instead of threads."""
    max_broken: float = 0.01
    """Largest share of images that cannot be read: each is replaced by another, counted
    and named; beyond it the run stops. 0 stops at the first."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW with warm-up and cosine decay."""

    learning_rate: float = 1e-3
    """At the end of the warm-up."""
    warmup_steps: int = 0
    final_learning_rate: float = 0.0
    """At the last step."""
    weight_decay: float = 0.05
    """Decoupled, times the learning rate (AdamW, arXiv:1711.05101)."""
    decay_rows: tuple[tuple[str, float], ...] = ((r"\.kernel$", 1.0), (r".*", 0.0))
    """(pattern, factor on weight_decay): the first pattern found in a parameter's name
    counts. Every parameter must be matched, and every row must match one."""
    beta1: float = 0.9
    beta2: float = 0.999
    clip_norm: float | None = 1.0
    """Largest global norm of the gradients; None does not clip."""
    label_smoothing: float = 0.0
    """Share of the label that is spread evenly over all classes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How long, where, and how often it tells and saves."""

    workdir: Path = Path("runs/vit")
    """Folder of the metrics, the curves, the checkpoints and the model."""
    seed: int = 0
    """Decides every random number of the run."""
    steps: int = 1000
    log_every_steps: int = 50
    eval_every_steps: int = 250
    """Evaluates on all held-out images; the last step always does."""
    save_every_steps: int = 250
    """The last step, Ctrl-C and SIGTERM always save."""
    keep_checkpoints: int = 2
    """How many of the newest are kept."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One experiment."""

    model: ViTConfig = ViTConfig()
    data: DataConfig = DataConfig()
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    optim: OptimConfig = OptimConfig()
    run: RunConfig = RunConfig()

    def __post_init__(self) -> None:
        o, r, d = self.optim, self.run, self.data
        positive = {
            "data.batch_size": d.batch_size,
            "data.eval_batch_size": d.eval_batch_size,
            "run.steps": r.steps,
            "run.log_every_steps": r.log_every_steps,
            "run.eval_every_steps": r.eval_every_steps,
            "run.save_every_steps": r.save_every_steps,
            "run.keep_checkpoints": r.keep_checkpoints,
        }
        faults = [f"{name}={n}; at least 1." for name, n in positive.items() if n < 1]
        shares = {
            "optim.label_smoothing": o.label_smoothing,
        }
        faults += [
            f"{name}={share}; a share is from 0 to below 1."
            for name, share in shares.items()
            if not 0 <= share < 1
        ]
        not_negative = {
            "data.num_threads": d.num_threads,
            "data.num_workers": d.num_workers,
            "data.max_broken": d.max_broken,
            "optim.learning_rate": o.learning_rate,
            "optim.final_learning_rate": o.final_learning_rate,
            "optim.weight_decay": o.weight_decay,
            "run.seed": r.seed,
        }
        faults += [
            f"{name}={n} is negative." for name, n in not_negative.items() if n < 0
        ]
        if not 0 <= o.warmup_steps < r.steps:
            faults.append(
                f"optim.warmup_steps={o.warmup_steps} does not lie within"
                f" run.steps={r.steps}."
            )
        if o.clip_norm is not None and o.clip_norm <= 0:
            faults.append(f"optim.clip_norm={o.clip_norm}; positive, or None.")
        if not (0 <= o.beta1 < 1 and 0 <= o.beta2 < 1):
            faults.append(f"optim betas {o.beta1}, {o.beta2}; each from 0 to below 1.")
        low, high = d.crop_scale
        if not 0 < low <= high <= 1:
            faults.append(f"data.crop_scale={d.crop_scale}; two shares of an area.")
        if d.in_memory and d.crop == "random":
            faults.append(
                "data.in_memory=True keeps images of one size, which data.crop='random'"
                " cannot cut from: choose one of them."
            )
        if faults:
            raise InputError("\n".join(faults))


def load_recipe(path: Path) -> TrainConfig:
    """Returns what a recipe's `get_config()` gives.

    Raises:
      InputError: no such file, or no `get_config()` that gives a TrainConfig.
    """
    if not path.is_file():
        found = ", ".join(str(p) for p in sorted(Path("configs").glob("*.py")))
        raise InputError(f"there is no recipe {path}. Recipes here: {found or 'none'}.")
    get_config = runpy.run_path(str(path)).get("get_config")
    config = get_config() if callable(get_config) else None
    if not isinstance(config, TrainConfig):
        raise InputError(
            f"{path} is no recipe: it must define get_config(), which returns a"
            " vit_jax.train.config.TrainConfig."
        )
    return config


def differing_fields(a: TrainConfig, b: TrainConfig) -> list[str]:
    """Returns "model.depth: 12 and 6" for each field that decides what is trained."""

    def leaves(config: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for field in dataclasses.fields(config):
            value, name = getattr(config, field.name), f"{prefix}{field.name}"
            if dataclasses.is_dataclass(value):
                yield from leaves(value, f"{name}.")
            elif name not in FREE:
                yield name, value

    theirs = dict(leaves(b, ""))
    return [
        f"{name}: {value!r} and {theirs[name]!r}"
        for name, value in leaves(a, "")
        if value != theirs[name]
    ]


# What may differ between the starts of one run: nothing of it reaches a parameter.
FREE = (
    "run.workdir",
    "run.log_every_steps",
    "run.eval_every_steps",
    "run.save_every_steps",
    "run.keep_checkpoints",
    "data.eval_batch_size",
    "data.num_threads",
    "data.num_workers",
    "data.data_dir",
    "data.in_memory",
)
