"""What a run works with: images, batches, devices, checkpoints; and its last state."""

import contextlib
import dataclasses
from collections.abc import Generator
from typing import Any

import jax
from jax.sharding import Mesh

from vit_jax.checkpoint import CheckpointError, Checkpoints
from vit_jax.data.memory import Held
from vit_jax.data.order import Shard
from vit_jax.data.transforms import AsIs
from vit_jax.errors import InputError
from vit_jax.evaluate import Evaluation, check_fits, evaluate
from vit_jax.model.params import Params
from vit_jax.pixels import Pixels
from vit_jax.release import Release
from vit_jax.train.config import TrainConfig
from vit_jax.train.feed import Feed
from vit_jax.train.fingerprint import fingerprint, whole_hash
from vit_jax.train.initial import read_initial
from vit_jax.train.mesh import gather, make_mesh, place
from vit_jax.train.open_data import (
    Images,
    find_pixels,
    make_batches,
    on_device,
    open_images,
)
from vit_jax.train.resident import Resident, check_memory
from vit_jax.train.step import TrainState, init_state, state_template
from vit_jax.train.teacher import Teacher, open_teacher

START: dict[str, Any] = {"position": {"next_index": 0, "passed": []}}


@dataclasses.dataclass(frozen=True)
class Run:
    """One start of a run."""

    config: TrainConfig
    mesh: Mesh
    train: Images
    eval: Images
    teacher: Teacher | None
    feed: Feed
    checkpoints: Checkpoints

    @property
    def pixels(self) -> Pixels:
        """By which images are normalised."""
        return find_pixels(self.config, self.train.source)

    def restore(
        self, initial: Params | None = None, *, at_most: int | None = None
    ) -> tuple[TrainState, dict[str, Any]]:
        """Returns the newest good state and its card, and goes to its batch.

        Args:
          initial: what the run begins with, if it has been read; else it is read or
            drawn where there is no checkpoint.
          at_most: the last step that it may have taken; None for any.

        Raises:
          CheckpointError: what is read is not what was saved.
          InputError: the run had another teacher when it was saved.
        """
        template = state_template(self.config, self.mesh)
        found = self.checkpoints.restore(template, at_most=at_most)
        if found is None:
            params = initial or read_initial(self.config)
            state, card = init_state(self.config, self.mesh, params), START
        else:
            step, state, card = found
            if whole_hash(fingerprint(state)) != card["hash"]:
                raise CheckpointError(
                    f"the checkpoint of step {step} in {self.checkpoints.folder} has"
                    " the right files, but gives other numbers than were saved: the"
                    " disk or the memory is at fault."
                )
            self._check_teacher(step, card)
        self.feed.set_state(card["position"])
        return state, card

    def describe(self) -> dict[str, Any]:
        """Returns what a checkpoint's card says of the batches and the teacher."""
        teacher = {"teacher": self.teacher.hash} if self.teacher else {}
        return {"position": self.feed.get_state(), **teacher}

    def _check_teacher(self, step: int, card: dict[str, Any]) -> None:
        if self.teacher and self.teacher.hash != card["teacher"]:
            raise InputError(
                f"distill.teacher={self.config.distill.teacher} is another model than"
                f" when this run saved step {step}: its parameters, config or pixel"
                " statistics have changed. Put the one it began with there, or give"
                " another --run.workdir."
            )

    def evaluate(self, params: Params) -> Evaluation:
        """Returns what parameters reach on the held-out images."""
        data = self.config.data
        return evaluate(
            self.config.model,
            params,
            self.pixels,
            self.eval.source,
            batch_size=data.eval_batch_size,
            num_threads=data.num_threads,
            transform=self.eval.transform,
            place=lambda batch: place(on_device(batch), self.mesh),
            shard=this_shard(),
        )


@contextlib.contextmanager
def open_run(
    config: TrainConfig, train: Images, eval: Images, teacher: Teacher | None
) -> Generator[Run]:
    """Opens a run's batches and checkpoints until the end.

    Args:
      train, eval, teacher: of `open_inputs`.
    """
    run, mesh = config.run, make_run_mesh(config)
    folder = run.workdir / "checkpoints"
    resident = Resident(_held(train), mesh) if config.data.on_device else None
    given = Images(resident.addresses, AsIs()) if resident else train
    with (
        contextlib.closing(make_batches(config, given, this_shard())) as batches,
        Checkpoints(
            folder, keep=run.keep_checkpoints, keep_best=run.keep_best
        ) as checkpoints,
    ):
        yield Run(
            config=config,
            mesh=mesh,
            train=train,
            eval=eval,
            teacher=teacher,
            feed=Feed(batches, mesh, resident),
            checkpoints=checkpoints,
        )


def open_inputs(config: TrainConfig) -> tuple[Images, Images, Teacher | None]:
    """Returns the images to train on, those to evaluate on, and the teacher.

    Writes nothing.

    Raises:
      InputError: model or teacher do not fit the images; or the model's state, its
        batches, or images that are to lie there, the devices.
    """
    mesh = make_run_mesh(config)
    state_template(config, mesh)
    train, eval = (
        open_images(config.data, config.model, part) for part in ("train", "eval")
    )
    for images in (train, eval):
        check_fits(
            config.model,
            images.source,
            images.transform,
            pixels=find_pixels(config, images.source),
            sizes="model" if config.init.weights is None else "init",
        )
    if config.data.on_device:
        check_memory(_held(train), mesh)
    return train, eval, open_teacher(config, train.source, mesh)


def _held(images: Images) -> Held:
    assert isinstance(images.source, Held)  # the config asks for in_memory
    return images.source


def make_run_mesh(config: TrainConfig) -> Mesh:
    """Returns the mesh of a run.

    Raises:
      InputError: its batches do not divide over the devices.
    """
    data, parts = config.data, config.optim.accumulate_steps
    if data.batch_size // parts % jax.device_count():
        raise InputError(
            f"a part of a batch, {data.batch_size} / {parts}, does not divide over"
            f" {jax.device_count()} devices: choose another optim.accumulate_steps or"
            " data.batch_size."
        )
    return make_mesh(config.mesh, data.batch_size, data.eval_batch_size)


def this_shard() -> Shard:
    """Returns the part of each batch that this process makes."""
    return Shard(jax.process_index(), jax.process_count())


def make_release(run: Run, params: Any) -> Release:
    """Returns a trained model with what its user needs to know."""
    return Release(
        config=run.config.model,
        params=gather(params, run.mesh),
        pixels=run.pixels,
        class_names=run.train.source.class_names,
    )
