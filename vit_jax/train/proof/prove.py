"""Our training beside torch's: the same weights, batches, learning rates."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.errors import InputError
from vit_jax.pixels import Pixels
from vit_jax.train.config import DataConfig, OptimConfig, RunConfig, TrainConfig
from vit_jax.train.optim import LAMB
from vit_jax.train.optim_config import OptimName
from vit_jax.train.proof.ours import train_ours
from vit_jax.train.proof.report import Distance, StepLoss, TrainingReport
from vit_jax.train.proof.theirs import TorchTraining
from vit_jax.train.proof.training import Arrays, DigitBatches, Training
from vit_jax.weights.mapping import make_plan
from vit_jax.weights.proof.parity import fitting_layout
from vit_jax.weights.proof.prove import open_pair
from vit_jax.weights.proof.report import measure

if TYPE_CHECKING:
    from torch import nn

Array = NDArray[Any]
Params = Mapping[str, Array]

RATES = {"adamw": 1e-3, "sgd": 0.1, "lamb": 5e-3, "lion": 1e-4}
# A number's direction is rounding where its gradient is less than so many times what
# torch's float32 is from its float64, the largest of its parameter. Adam and Lion make
# steps of full size of such numbers.
CLEAR = 1000
NO_DROPOUT = dict.fromkeys(("dropout", "attn_dropout", "pos_dropout", "drop_path"), 0.0)


def prove_training(
    source: Path,
    reference: str,
    *,
    steps: int,
    optimizer: OptimName = "adamw",
    batch_size: int = 32,
    learning_rate: float | None = None,
    seed: int = 0,
    tolerance: float = 1e-5,
    **told: Any,
) -> TrainingReport:
    """Returns how far our training of a file's weights is from torch's.

    Args:
      source, reference, told: as `vit_jax.weights.proof.prove.prove` takes them.
      optimizer: adamw, sgd, lamb or lion.
      learning_rate: its peak; None for that in RATES. It rises for a tenth of the steps
        and falls as a cosine. Weight decay is 0.05 (sgd: 0), clipping at a norm of 1.
      seed: of the batches, which are embedded digits.

    Raises:
      InputError: the file, the reference or an option cannot be used.
    """
    release, module = open_pair(source, reference, **told)
    rate = RATES[optimizer] if learning_rate is None else learning_rate
    config = TrainConfig(
        model=release.config.replace(dtype="float32", **NO_DROPOUT),
        data=DataConfig(batch_size=batch_size),
        optim=choose_optim(optimizer, rate, steps),
        run=RunConfig(steps=steps, seed=seed),
    )
    trained = train_both(config, release.params, module, release.pixels)
    return compare(config, release.params, *trained, tolerance=tolerance)


def choose_optim(optimizer: OptimName, rate: float, steps: int) -> OptimConfig:
    """Returns what torch has a counterpart of.

    torch's SGD decays inside its momentum, and ours beside it: here without decay. The
    trust ratio of timm's LAMB is for what decays, and ours never for the head: here the
    head does not decay.
    """
    config = OptimConfig(name=optimizer, learning_rate=rate, warmup_steps=steps // 10)
    if optimizer == "sgd":
        return dataclasses.replace(config, weight_decay=0.0)
    if optimizer == "lamb":
        rows = ((LAMB.pattern, 1.0), (".*", 0.0))
        return dataclasses.replace(config, decay_rows=rows)
    return config


def train_both(
    config: TrainConfig, params: Params, module: "nn.Module", pixels: Pixels
) -> tuple[Training, Training, Training]:
    """Returns our training, torch's, and torch's in float64; the module is changed.

    What the module does not train (buffers, such as fixed positions), ours does not.

    Raises:
      InputError: the model has no classes, or the module cannot be trained alike.
      ConversionError: the module has not the parameters of a layout.
    """
    if config.model.num_classes < 2:
        raise InputError(
            f"the model has {config.model.num_classes} classes: training needs a head"
            " of at least two. Give a file that has one."
        )
    tensors = {k: v.detach().numpy() for k, v in module.state_dict().items()}
    plan = make_plan(fitting_layout(config.model, tensors), config.model)
    plan.to_ours(tensors)  # raises what does not fit
    theirs = TorchTraining(module, plan, pixels, config.optim)
    batches = DigitBatches(config.model, config.data.batch_size, config.run.seed)
    theirs.check(batches)
    frozen = tuple(f"^{re.escape(name)}$" for name in theirs.find_frozen())
    optim = dataclasses.replace(config.optim, freeze=frozen)
    config = dataclasses.replace(config, optim=optim)
    start = {name: np.asarray(params[name], np.float32) for name in plan.shapes}
    ours, rates = train_ours(config, pixels, start, batches)
    wide = theirs.in_float64()
    return ours, theirs.train(batches, rates), wide.train(batches, rates)


def compare(
    config: TrainConfig,
    params: Params,
    ours: Training,
    torch: Training,
    wide: Training,
    *,
    tolerance: float,
) -> TrainingReport:
    """Returns how far our training is from torch's, beside what rounding allows.

    Args:
      params: those that all began with.
      wide: torch's in float64.
    """
    clear = {
        name: np.abs(grad) > CLEAR * np.abs(torch.gradients[name] - grad).max()
        for name, grad in wide.gradients.items()
    }
    updates = [
        {name: x.update[name][clear[name]] for name in clear if clear[name].any()}
        for x in (ours, torch, wide)
    ]
    moved = [
        {name: x.params[name] - np.float64(params[name]) for name in updates[0]}
        for x in (ours, torch, wide)
    ]
    gradients = [x.gradients for x in (ours, torch, wide)]
    o = config.optim
    steps, size = config.run.steps, config.data.batch_size
    return TrainingReport(
        title=f"{steps} steps of {o.name}, {size} images each, learning rate up to"
        f" {o.learning_rate:g} after {o.warmup_steps} steps",
        tolerance=tolerance,
        losses=tuple(_compare_losses(ours.losses, torch.losses, wide.losses)),
        gradients=tuple(_compare_each(*gradients)),
        all_gradients=_measure("all", *map(_join, gradients)),
        update=tuple(_compare_each(*updates)),
        all_updates=_measure("all", *map(_join, updates)),
        update_share=float(_join(clear).mean()),
        params=_measure("all", *map(_join, moved)),
    )


def _compare_losses(*losses: list[float]) -> Iterator[StepLoss]:
    largest = 0.0
    for step, numbers in enumerate(zip(*losses, strict=True), 1):
        found = _measure(f"step {step}", *(np.array([x]) for x in numbers))
        largest = max(largest, found.rounding)
        yield StepLoss(found.name, found.error, largest, step, *numbers)


def _compare_each(ours: Arrays, torch: Arrays, wide: Arrays) -> Iterator[Distance]:
    for name in wide:  # in the layout's order; jax sorts blocks.10 before blocks.2
        yield _measure(name, ours[name], torch[name], wide[name])


def _measure(name: str, ours: Array, torch: Array, wide: Array) -> Distance:
    error = measure(name, ours, torch).relative_l2
    return Distance(name, error, measure(name, torch, wide).relative_l2)


def _join(arrays: Arrays) -> Array:
    return np.concatenate([arrays[name].ravel() for name in sorted(arrays)])
