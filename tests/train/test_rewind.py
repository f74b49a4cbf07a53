"""A batch that gives no number: skipped, or gone back for and passed."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

import vit_jax.train.gradients as gradients_module
import vit_jax.train.loop as loop
from tests.train.recipe import get_config
from vit_jax.data.order import Shard
from vit_jax.train.feed import Feed
from vit_jax.train.flight import read_record
from vit_jax.train.open_data import make_batches, open_images
from vit_jax.train.report.sinks import read_metrics
from vit_jax.train.step_lines import read_lines

BAD = 12  # the batch of step 13, two behind the checkpoint of step 10


def config_in(folder, **run):
    config = get_config()
    return dataclasses.replace(
        config, run=dataclasses.replace(config.run, workdir=folder, **run)
    )


def sum_of_batch(number):
    config = get_config()
    images = open_images(config.data, config.model, "train")
    batches = make_batches(config, images, Shard())
    batches.set_state({"next_index": number})
    total = next(batches)["image"].astype(np.int64).sum()
    batches.close()
    return int(total)


@pytest.fixture
def one_bad_batch(monkeypatch):
    """Makes the images of batch 12 not numbers, inside the step."""
    augment, total = gradients_module.augment, sum_of_batch(BAD)

    def poison(images, *args, **kwargs):
        changed, targets = augment(images, *args, **kwargs)
        bad = jnp.sum(images.astype(jnp.int32)) == total
        return jnp.where(bad, jnp.nan, changed), targets

    monkeypatch.setattr(gradients_module, "augment", poison)


def last_hash(folder):
    return read_lines(folder / loop.HASHES)[-1]["hash"]


def test_a_bad_step_changes_nothing_and_is_recorded(tmp_path, one_bad_batch, capsys):
    config = config_in(tmp_path)
    loop.train(config)
    assert "step 13: loss nan" in capsys.readouterr().out
    record = read_record(tmp_path, None)
    assert (record.step, record.batch, record.loss) == (13, BAD, "nan")
    images = open_images(config.data, config.model, "train")
    plan = make_batches(config, images, Shard()).plan
    assert record.indices == tuple(plan(BAD).indices.tolist())
    counts = {
        line["step"]: line["train/bad_steps"]
        for line in read_metrics(tmp_path)
        if "train/bad_steps" in line
    }
    assert counts == {15: 1}


def test_a_run_goes_back_and_ends_as_one_that_never_met_the_batch(
    tmp_path, one_bad_batch, monkeypatch, capsys
):
    loop.train(config_in(tmp_path / "back", max_bad_steps=1))
    out = capsys.readouterr().out
    assert "back to step 10; batches 12 to 12 are passed (1 of 3 times)" in out
    take = Feed.take

    def never_meet(feed, **kwargs):
        feed.pass_over([BAD])
        return take(feed, **kwargs)

    monkeypatch.setattr(Feed, "take", never_meet)
    loop.train(config_in(tmp_path / "never", max_bad_steps=1))
    assert last_hash(tmp_path / "back") == last_hash(tmp_path / "never")
    steps = [line["step"] for line in read_metrics(tmp_path / "back")]
    assert steps == sorted(steps)


def test_what_is_passed_is_still_passed_after_a_restart(
    tmp_path, one_bad_batch, monkeypatch
):
    whole = config_in(tmp_path / "whole", max_bad_steps=1)
    loop.train(whole)
    broken = config_in(tmp_path / "broken", max_bad_steps=1, save_every_steps=1)
    save, stops = loop.Training._save, [11, 13, 20]

    def stop_behind(training, done, state, top1):
        save(training, done, state, top1)
        if done in stops:
            stops.remove(done)
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Training, "_save", stop_behind)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            loop.train(broken)
    loop.train(broken)
    assert not stops
    assert last_hash(whole.run.workdir) == last_hash(broken.run.workdir)


def test_nothing_that_is_no_number_is_written_as_json(tmp_path, one_bad_batch):
    loop.train(config_in(tmp_path, log_every_steps=1))
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)
