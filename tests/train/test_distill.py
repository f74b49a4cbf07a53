"""A run with a teacher: what a step computes, what a restart notices, what is refused.

The step over both devices, in two parts, parameters split, is compiled once.
"""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import vit_jax.train.loop as loop
import vit_jax.train.replay as replay_module
import vit_jax.train.teacher as teacher_module
from tests.models import random_params
from tests.train.recipe import get_config
from tests.train.test_step import BATCH
from vit_jax.data.sources import Digits
from vit_jax.errors import InputError
from vit_jax.model.params import bind
from vit_jax.pixels import Pixels, normalise
from vit_jax.release import Release, save_release
from vit_jax.train.config import (
    AugmentConfig,
    DistillConfig,
    OptimConfig,
    TrainConfig,
)
from vit_jax.train.mesh import make_mesh, place
from vit_jax.train.mesh_config import MeshConfig
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.step import init_state, make_step
from vit_jax.train.step_lines import read_lines
from vit_jax.train.teacher import open_teacher

SOURCE = Digits("train")
MODEL = get_config().model.replace(dropout=0.0, distill_token=True)
TEACHER = Release(
    # Large enough to be split over the devices, which the model is not.
    config=MODEL.replace(mlp_dim=128, distill_token=False, dropout=0.5),
    params=random_params(MODEL.replace(mlp_dim=128, distill_token=False), seed=1),
    pixels=Pixels((0.2,), (0.7,)),
    class_names=(),
)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A recipe whose gradients can be read from what a step changes."""
    folder = tmp_path_factory.mktemp("distill")
    save_release(folder / "teacher", TEACHER)
    config = get_config()
    every = {"steps": 6, "log_every_steps": 1, "eval_every_steps": 6}
    run = dataclasses.replace(
        config.run, workdir=folder / "run", save_every_steps=3, **every
    )
    optim = OptimConfig(
        name="sgd",
        momentum=0.0,
        schedule="constant",
        learning_rate=0.1,
        weight_decay=0.0,
        clip_norm=None,
        accumulate_steps=2,
        freeze=("^embed.pos_embed",),
    )
    return dataclasses.replace(
        config,
        model=MODEL,
        augment=AugmentConfig(),
        optim=optim,
        distill=DistillConfig(teacher=str(folder / "teacher"), alpha=0.3),
        mesh=MeshConfig(fsdp=2),
        run=run,
    )


@pytest.fixture(scope="module")
def mesh(config):
    """Both devices."""
    return make_mesh(config.mesh, 32)


@pytest.fixture(scope="module")
def step(config, mesh):
    """The compiled step, for this file's steps and runs alike."""
    step = make_step(config, SOURCE.pixels, mesh)
    with pytest.MonkeyPatch.context() as patch:
        for module in (loop, replay_module):
            patch.setattr(module, "make_step", lambda *_: step)
        yield step


@pytest.fixture(scope="module")
def finished(config, step):
    """Folder of a run that ended."""
    loop.train(config)
    return config.run.workdir


def test_a_step_is_deits_and_the_teacher_outlives_it(config, mesh, step):
    teacher = open_teacher(config, SOURCE, mesh)
    kernel = teacher.params["blocks.0.mlp.fc1.kernel"]
    assert kernel.addressable_shards[0].data.size == kernel.size // 2

    def by_hand(params, wise):
        pixels = normalise(jnp.asarray(BATCH["image"]), TEACHER.pixels)
        taught = bind(TEACHER.config, wise)(pixels)
        model = bind(MODEL, params)
        images = normalise(jnp.asarray(BATCH["image"]), SOURCE.pixels)
        tokens = dict(model.stages(images))["norm"]
        classes = optax.softmax_cross_entropy_with_integer_labels(
            model.head(tokens[:, 0]), jnp.asarray(BATCH["label"])
        )
        learnt = optax.softmax_cross_entropy_with_integer_labels(
            model.head_dist(tokens[:, 1]), taught.argmax(-1)
        )
        return 0.7 * classes.mean() + 0.3 * learnt.mean(), learnt.mean()

    find = jax.jit(jax.value_and_grad(by_hand, has_aux=True))
    params = random_params(MODEL)
    for seed in (1, 2):
        wise = random_params(teacher.config, seed)
        (loss, learnt), grads = jax.device_get(find(params, wise))

        state = init_state(config, mesh)
        placed = jax.tree.map(
            lambda x, old: jax.device_put(x, old.sharding), params, state.params
        )
        other = jax.tree.map(
            lambda x, old: jax.device_put(x, old.sharding), wise, teacher.params
        )
        other = dataclasses.replace(teacher, params=other)
        state = state._replace(params=placed)
        state, metrics = step(state, place(BATCH, mesh), other)
        assert metrics["loss"] == pytest.approx(loss, rel=1e-5)
        assert metrics["distill_loss"] == pytest.approx(learnt, rel=1e-5)
        for name, after in jax.device_get(state.params).items():
            is_frozen = name == "embed.pos_embed"
            moved = 0 if is_frozen else -0.1 * grads[name]
            np.testing.assert_allclose(
                after, params[name] + moved, rtol=1e-4, atol=1e-5
            )
        assert not other.params["head.kernel"].is_deleted()
    # The teacher's numbers are an argument of the program, no part of it.
    assert step._cache_size() == 1


def test_a_run_tells_the_teachers_loss_and_keeps_no_teacher(finished):
    lines = [line for line in read_metrics(finished) if "train/loss" in line]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(line["train/distill_loss"] > 0 for line in lines)
    saved = read_lines(finished / loop.HASHES)[-1]["arrays"]
    assert {name.split("/")[0] for name in saved} == {"step", "params"}


def test_a_run_that_is_resumed_ends_with_the_same_bits(config, finished, tmp_path):
    folder = copy_until_step_3(finished, tmp_path)
    loop.train(in_folder(config, folder))
    lines = [read_lines(path / loop.HASHES) for path in (finished, folder)]
    assert [line["step"] for line in lines[1]] == [3, 6]
    assert lines[0] == lines[1]


def test_a_step_is_taken_again_with_the_teacher(finished):
    again = replay_module.replay(finished, 5)
    line = next(line for line in read_metrics(finished) if line["step"] == 5)
    assert (again.start, again.other_state) == (3, None)
    assert again.loss == pytest.approx(line["train/loss"], rel=1e-6)
    # Of each image, its heads and the teacher's; the mean is the step's.
    losses = [image.loss for image in again.images]
    assert np.mean(losses) == pytest.approx(again.loss, rel=1e-5)
    assert (again.bad_params, again.bad_stage) == ((), None)


def test_another_teacher_is_refused(config, finished, tmp_path, monkeypatch):
    folder = copy_until_step_3(finished, tmp_path)
    moved = shutil.copytree(config.distill.teacher, tmp_path / "elsewhere")
    other = dataclasses.replace(config.distill, teacher=str(moved))
    with pytest.raises(InputError, match=r"distill\.teacher: .*/teacher' and .*where'"):
        loop.train(dataclasses.replace(in_folder(config, folder), distill=other))
    changed = {**TEACHER.params, "head.bias": TEACHER.params["head.bias"] + 1e-3}
    for changes in (
        {"params": changed},
        {"pixels": Pixels((0.2,), (0.71,))},
        {"config": TEACHER.config.replace(norm_eps=1e-5)},
    ):
        release = dataclasses.replace(TEACHER, **changes)
        with monkeypatch.context() as patch:
            hand_over(patch, release)
            with pytest.raises(InputError, match=r"another model than .* step 3"):
                loop.train(in_folder(config, folder))


@pytest.mark.parametrize(
    ("changes", "names", "message"),
    [
        ({"image_size": 16}, (), r"\(16, 16, 1\), but .* on \(8, 8, 1\)"),
        ({"num_classes": 9}, (), "knows 9 classes, and the model 10"),
        ({"pool": "none"}, (), "logits for every token"),
        ({}, tuple("1023456789"), r"in another order, 1, 0, 2, \.\.\., than Digits"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_before_anything_is_written(
    config, tmp_path, monkeypatch, changes, names, message
):
    model = TEACHER.config.replace(**changes)
    release = Release(config=model, params={}, pixels=TEACHER.pixels, class_names=names)
    hand_over(monkeypatch, release)
    with pytest.raises(InputError, match=message):
        loop.train(in_folder(config, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_teacher_that_is_not_there_is_refused(config, mesh):
    lost = DistillConfig(teacher="lost.pth")
    with pytest.raises(InputError, match=r"there is no file lost\.pth"):
        open_teacher(dataclasses.replace(config, distill=lost), SOURCE, mesh)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "soft"}, "kind='soft' does nothing without distill.teacher"),
        ({"preset": "x"}, "preset='x' does nothing without distill.teacher"),
        ({"teacher": "t", "temperature": 2.0}, "does nothing with kind='hard'"),
        ({"teacher": "t", "alpha": 0.0}, "distill.alpha=0.0; above 0 and up to 1"),
        (
            {"teacher": "t", "kind": "soft", "temperature": 0.0},
            "distill.temperature=0.0; positive",
        ),
    ],
)
def test_settings_that_cannot_be_obeyed_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        TrainConfig(distill=DistillConfig(**changes))


def hand_over(patch, release):
    """Makes every file that of this teacher."""
    patch.setattr(teacher_module, "read_release", lambda *_, **__: release)


def in_folder(config, folder):
    run = dataclasses.replace(config.run, workdir=folder)
    return dataclasses.replace(config, run=run)


def copy_until_step_3(finished, tmp_path):
    """Returns a folder as a run leaves it that is killed behind its first save."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("6", "model"))
    config = json.loads((folder / "config.json").read_text())
    config["run"]["workdir"] = str(folder)
    (folder / "config.json").write_text(json.dumps(config))
    return folder
