"""A step taken again gives what it gave, and says where numbers stop."""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vit_jax.train.gradients as gradients_module
import vit_jax.train.loop as loop
import vit_jax.train.replay as replay_module
from tests.train.recipe import get_config
from vit_jax.data.order import Shard
from vit_jax.data.sources import Digits
from vit_jax.errors import InputError
from vit_jax.model.params import param_shapes
from vit_jax.train.augment.config import AugmentConfig
from vit_jax.train.finite import find_finite_stages
from vit_jax.train.flight import FOLDER, read_record
from vit_jax.train.mesh import make_mesh, place
from vit_jax.train.open_data import make_batches, on_device, open_images
from vit_jax.train.replay import replay
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.step import init_state, make_step
from vit_jax.train.step_lines import read_lines
from vit_jax.train.workdir import hold_workdir

BAD = 6  # the batch of step 7, two behind the checkpoint of step 5


def make_config(**run):
    """Without dropout, so that losses can be compared; compiled soon."""
    config = get_config()
    every = {"steps": 11, "log_every_steps": 1, "eval_every_steps": 11}
    return dataclasses.replace(
        config,
        model=config.model.replace(dropout=0.0),
        augment=AugmentConfig(mixup=0.2),
        run=dataclasses.replace(config.run, keep_checkpoints=3, **every, **run),
    )


def batch_of(number):
    config = make_config()
    batches = make_batches(
        config, open_images(config.data, config.model, "train"), Shard()
    )
    batches.set_state({"next_index": number})
    batch = next(batches)
    batches.close()
    return batch


@pytest.fixture(scope="module", autouse=True)
def one_bad_batch():
    """Makes the images of batch 6 not numbers, inside the step."""
    augment, total = (
        gradients_module.augment,
        int(batch_of(BAD)["image"].sum(dtype=int)),
    )

    def poison(images, *args, **kwargs):
        changed, targets = augment(images, *args, **kwargs)
        bad = jnp.sum(images.astype(jnp.int32)) == total
        return jnp.where(bad, jnp.nan, changed), targets

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradients_module, "augment", poison)
        yield


@pytest.fixture(scope="module")
def skipped(tmp_path_factory, one_bad_batch):
    """Folder of a run that skipped one step; all replays have its compiled step."""
    config = make_config(workdir=tmp_path_factory.mktemp("skipped"))
    mesh = make_mesh(config.mesh, 32)
    step = make_step(config, Digits("train").pixels, mesh)
    with pytest.MonkeyPatch.context() as patch:
        for module in (loop, replay_module):
            patch.setattr(module, "make_step", lambda *_: step)
        loop.train(config)
        yield config.run.workdir


@pytest.fixture(scope="module")
def again(skipped):
    """The step that it skipped, taken again."""
    return replay(skipped, None)


def test_a_bad_step_is_reproduced(again, skipped):
    assert (again.step, again.batch, again.start) == (7, BAD, 5)
    assert again.reproduced
    assert again.other_state is None
    assert np.isnan(again.loss)
    assert again.record == read_record(skipped, 7)
    assert again.bad_params == tuple(param_shapes(get_config().model))


def test_its_first_bad_stage_and_its_images_are_told(again):
    batch = batch_of(BAD)
    assert again.bad_stage == "images"
    assert len(again.bad_images) == len(again.images) == 32
    assert [image.index for image in again.images] == batch["index"].tolist()
    assert [image.label for image in again.images] == batch["label"].tolist()
    first, pixels = again.images[0], batch["image"][0]
    assert first.name == f"digits train[{first.index}]"
    assert (first.darkest, first.brightest) == (pixels.min(), pixels.max())


def test_a_report_tells_it_in_words_and_in_json(again):
    lines = str(again).splitlines()
    assert lines[0] == (
        "step 7 (batch 6), taken again 1 step behind the checkpoint of step 5"
    )
    assert lines[1] == "loss nan, gradients nan: reproduced"
    assert lines[2].startswith("gradients: 24 of 24 parameters are not finite: blocks.")
    assert lines[3] == "forward pass: not finite from images on, in 32 of 32 images"
    assert lines[-1] == "  and 22 more; --json tells all"
    text = json.dumps(again.to_fields(), allow_nan=False)
    assert json.loads(text)["loss"] == "nan"
    assert len(json.loads(text)["images"]) == 32


def test_what_is_not_as_recorded_is_told(again):
    other = dataclasses.replace(again, loss=2.5, other_state=5)
    assert other.reproduced is False
    assert "NOT reproduced, recorded are loss nan" in str(other)
    assert "the state after step 5 is not the one" in str(other)
    assert not dataclasses.replace(again, batch=BAD + 1).reproduced


def test_any_step_is_taken_again_from_the_initial_state(skipped, tmp_path):
    """Without its checkpoints, and in another folder."""
    folder = tmp_path / "moved"
    shutil.copytree(skipped, folder, ignore=shutil.ignore_patterns("checkpoints"))
    again = replay(folder, 9)
    line = next(line for line in read_metrics(folder) if line["step"] == 9)
    assert (again.step, again.batch, again.start) == (9, 8, 0)
    # Bit for bit: the state of step 5 has the hash that the run saved.
    assert {line["step"] for line in read_lines(folder / loop.HASHES)} == {5, 10, 11}
    assert again.other_state is None
    assert again.loss == pytest.approx(line["train/loss"], rel=1e-5)
    assert again.grad_norm == pytest.approx(line["train/grad_norm"], rel=1e-5)
    assert (again.record, again.reproduced) == (None, None)
    assert (again.bad_params, again.bad_stage) == ((), None)
    losses = [image.loss for image in again.images]
    # The same images, mixed alike: their mean is the step's loss, but for rounding.
    assert np.mean(losses) == pytest.approx(again.loss, rel=1e-5)
    highest = [image.loss for image in again.highest]
    assert highest == sorted(losses, reverse=True)[:5]
    assert "all 24 parameters are finite" in str(again)
    assert "every stage is finite" in str(again)


def test_a_step_behind_batches_that_nobody_named_is_refused(skipped, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(skipped, folder)
    card = folder / "checkpoints" / "10" / "card.json"
    fields = json.loads(card.read_text())
    fields["position"]["next_index"] += 2
    card.write_text(json.dumps(fields))
    with pytest.raises(InputError, match=r"steps 5 and 10 .* over 2 batches.*\(7\)"):
        replay(folder, 9)


def test_images_keep_their_order_where_gradients_are_accumulated():
    """Each is black but the third, which is not finite from the images on."""
    config = make_config()
    optim = dataclasses.replace(config.optim, accumulate_steps=4)
    config = dataclasses.replace(config, optim=optim)
    mesh = make_mesh(config.mesh, 32)
    batch = on_device(batch_of(0))
    batch["image"] = np.zeros_like(batch["image"])
    batch["image"][2] = 200

    def poison(images, targets, *_, **__):
        return jnp.where(images == 200, jnp.inf, jnp.float32(0)), targets

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradients_module, "augment", poison)
        found = jax.device_get(
            find_finite_stages(
                config,
                Digits("train").pixels,
                init_state(config, mesh),
                place(batch, mesh),
            )
        )
    names = ["images", "patches", "embed", "blocks.0", "norm", "pool", "logits", "loss"]
    assert list(found.finite) == names
    for good in found.finite.values():
        assert np.flatnonzero(~good).tolist() == [2]
    assert np.flatnonzero(found.brightest).tolist() == [2]
    assert np.flatnonzero(np.isnan(found.losses)).tolist() == [2]


@pytest.mark.parametrize("step", [-1, 0, 12])
def test_a_step_that_the_run_does_not_have_is_refused(skipped, step):
    with pytest.raises(InputError, match=f"--step {step}: the steps of .* 1 to 11"):
        replay(skipped, step)


def test_without_a_record_a_step_must_be_named(skipped, tmp_path):
    shutil.copytree(skipped, tmp_path / "run", ignore=shutil.ignore_patterns(FOLDER))
    with pytest.raises(InputError, match="has no flight record"):
        replay(tmp_path / "run", None)


def test_only_a_folder_of_a_run_is_replayed(tmp_path):
    with pytest.raises(InputError, match="no run's folder"):
        replay(tmp_path, None)


def test_a_run_that_is_going_on_is_left_alone(skipped):
    with (
        hold_workdir(skipped),
        pytest.raises(InputError, match="another process trains in"),
    ):
        replay(skipped, None)
