"""What a run begins with: its config as resolved, and its parameters."""

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_jax.agree import agree, is_first
from vit_jax.errors import InputError
from vit_jax.release import Release
from vit_jax.train.config import TrainConfig
from vit_jax.train.init_config import FOUND, InitConfig, check_needed, combine
from vit_jax.train.lengths import Timed, are_steps, to_steps
from vit_jax.train.open_data import find_data
from vit_jax.train.workdir import CONFIG, open_workdir, read_config
from vit_jax.weights.read import read_release

Params = dict[str, NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Start:
    """A run's config with the model that is trained, and what was read to find it."""

    config: TrainConfig
    params: Params | None = None
    """float32 by name, where weights were read."""
    told: str = ""
    """What to tell of them."""


def find_start(config: TrainConfig) -> Start:
    """Returns what a run begins with, or began with: then no weights are read.

    Its lengths are steps from here on.

    Every process of a run calls it.

    Raises:
      InputError: the weights cannot be read, are not those that are asked for, or do
        not fit the recipe or the data; or the workdir holds another run.
    """
    check_needed(config.init)
    config = count_steps(config)
    if config.init.weights is None:
        return Start(config)
    workdir = config.run.workdir
    if agree("goes on" if is_first() and (workdir / CONFIG).exists() else ""):
        return Start(_go_on(config, read_config(workdir)))
    release, params = read_weights(config)
    model = combine(config.model, release.config)
    _check_head(config, release)
    found = {
        "pixel_mean": release.pixels.mean,
        "pixel_std": release.pixels.std,
        "sha256": hash_params(params),
    }
    if agree(found["sha256"]) != found["sha256"]:
        raise InputError(
            f"{config.init.weights} is not the same here as in the first process: give"
            " all processes the same weights."
        )
    init = _fill(config.init, found)
    if len(init.pixel_mean or ()) != model.in_channels:
        raise InputError(
            f"init.pixel_mean and init.pixel_std have {len(init.pixel_mean or ())}"
            f" values, and the model has {model.in_channels} channels: give one each."
        )
    told = _tell(init, release)
    return Start(dataclasses.replace(config, model=model, init=init), params, told)


def count_steps(config: TrainConfig) -> TrainConfig:
    """Returns a config whose lengths are steps: of so many images as there are.

    Raises:
      InputError: the run has no length, or one is shorter than a step.
    """
    timed = Timed(config.run, config.optim)
    if are_steps(timed):
        return config
    data = config.data
    source = dataclasses.replace(find_data(data), split=data.train_split)
    run, optim = to_steps(timed, batch_size=data.batch_size, num_images=len(source))
    return dataclasses.replace(config, run=run, optim=optim)


def read_initial(config: TrainConfig) -> Params | None:
    """Returns the float32 parameters that a resolved config names; None to draw them.

    Raises:
      InputError: the weights are not there any more, or others than they were.
    """
    if config.init.weights is None:
        return None
    return read_weights(config)[1]


def read_weights(config: TrainConfig) -> tuple[Release, Params]:
    """Returns the weights that a run begins with, and their parameters in float32.

    Raises:
      InputError: they cannot be read or adapted, or are not those of `init.sha256`.
    """
    init = config.init
    if not init.weights:
        raise InputError("this recipe begins with weights: name them with --init FILE.")
    given = init.fields()
    if init.new_head:
        given.setdefault("num_classes", len(_classes(config)))
    try:
        release = read_release(
            Path(init.weights),
            preset=init.preset,
            layout=init.source_layout,
            entry=init.entry,
            adapting=init.adapting(seed=config.run.seed),
            **given,
        )
    except InputError as error:
        raise InputError(_name_flags(str(error))) from error
    # Copies: what is mapped from a file, or another's, is not given to the devices.
    params = {name: np.array(a, np.float32) for name, a in release.params.items()}
    if init.sha256 and (found := hash_params(params)) != init.sha256:
        raise InputError(
            f"{init.weights} does not give the parameters that were asked for, or that"
            f" the run began with: their sha256 is {found}, expected {init.sha256}."
            " Bring the old weights back, or give another --run.workdir."
        )
    return release, params


def hash_params(params: Params) -> str:
    """Returns the SHA-256 of parameters by name, in hexadecimal digits."""
    digest = hashlib.sha256()
    for name, array in params.items():
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _go_on(config: TrainConfig, old: TrainConfig) -> TrainConfig:
    """Returns a config with what the first start of its run found out."""
    if config.init.weights != old.init.weights:
        open_workdir(dataclasses.replace(config, model=old.model))  # says what differs
    found = {name: getattr(old.init, name) for name in FOUND}
    model, init = combine(config.model, old.model), _fill(config.init, found)
    return dataclasses.replace(config, model=model, init=init)


def _fill(init: InitConfig, found: dict[str, Any]) -> InitConfig:
    """Returns settings of which those that are None are as found."""
    asked = {name: getattr(init, name) for name in found}
    filled = {n: found[n] if value is None else value for n, value in asked.items()}
    return dataclasses.replace(init, **filled)


def _check_head(config: TrainConfig, release: Release) -> None:
    """Raises InputError where a head has not as many classes as the data."""
    given, wanted = release.config.num_classes, len(_classes(config))
    if given != wanted:
        told = f"has a head of {given} classes" if given else "has no head"
        mend = "Give --init.new-head to begin with a head of zeros"
        if config.init.new_head:
            mend = "Leave --init.num-classes out: it is that of the data"
        raise InputError(
            f"{config.init.weights} {told}, and {config.data.source} has"
            f" {wanted} classes. {mend}."
        )


def _classes(config: TrainConfig) -> tuple[str, ...]:
    return find_data(config.data).class_names


def _tell(init: InitConfig, release: Release) -> str:
    count = sum(array.size for array in release.params.values())
    size = release.config.image_size
    head = ", the head of zeros" if init.new_head else ""
    mean, std = (
        " ".join(f"{x:g}" for x in values or ())
        for values in (init.pixel_mean, init.pixel_std)
    )
    return (
        f"begins with {init.weights}: {count:,} parameters at image size {size}{head};"
        f" images are normalised by mean {mean}, deviation {std}"
    )


def _name_flags(message: str) -> str:
    """Returns a message in which the flags of `vit-jax convert` are those of --init."""
    names = (field.name.replace("_", "-") for field in dataclasses.fields(InitConfig))
    return re.sub(rf"--({'|'.join(names)})\b", r"--init.\1", message)
