"""What a disk does to a checkpoint is noticed, and the newest good one is used."""

import gc
import os
import shutil
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from vit_jax.arrays import CheckpointError
from vit_jax.checkpoint import Checkpoints, SaveError, template_of
from vit_jax.errors import InputWarning


def state(step):
    noise = np.random.default_rng(step).normal(size=(64, 64)).astype(np.float32)
    return {"step": jnp.int32(step), "params": {"a.b": jnp.asarray(noise)}}


def save_steps(folder, *steps):
    with Checkpoints(folder, keep=2) as checkpoints:
        for step in steps:
            checkpoints.save(step, state(step), {"next_index": step})


def restore(folder, **at_most):
    with Checkpoints(folder, keep=2) as checkpoints:
        return checkpoints.restore(template_of(state(0)), **at_most)


def assert_is(found, step):
    got, tree, card = found
    assert (got, card) == (step, {"next_index": step})
    jax.tree.map(np.testing.assert_array_equal, tree, state(step))


def names(folder):
    return {path.name for path in folder.iterdir()}


def data_file(folder):
    """Returns the file with the numbers; Orbax leaves others that nothing reads."""
    files = [path for path in (folder / "d").rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path, place=0.5):
    raw = bytearray(path.read_bytes())
    raw[int(place * (len(raw) - 1))] ^= 1
    path.write_bytes(raw)


def make_a_folder(path):
    path.unlink()
    path.mkdir()


FILE_DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "half": cut,
    "a byte short": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "a byte more": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "first byte": lambda path: flip(path, 0),
    "middle byte": flip,
    "last byte": lambda path: flip(path, 1),
    "deleted": lambda path: path.unlink(),
    "a folder": make_a_folder,
}


def make_a_file(path):
    shutil.rmtree(path)
    path.write_text("")


FOLDER_DAMAGE = {
    "deleted": shutil.rmtree,
    "renamed": lambda path: path.rename(path.with_name("else")),
    "a file": make_a_file,
}


def test_the_newest_of_those_kept_comes_back_with_its_card(tmp_path):
    save_steps(tmp_path / "c", 1, 2, 3)
    assert_is(restore(tmp_path / "c"), 3)
    assert_is(restore(tmp_path / "c", at_most=2), 2)
    assert restore(tmp_path / "c", at_most=1) is None
    assert names(tmp_path / "c") == {"2", "3"}


def test_none_is_there_before_the_first_save(tmp_path):
    assert restore(tmp_path / "c") is None


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the checkpoints 1 and 2; what is below 2, as in it."""
    folder = tmp_path_factory.mktemp("saved") / "c"
    save_steps(folder, 1, 2)
    return folder, sorted(p.relative_to(folder) for p in (folder / "2").rglob("*"))


def damage_each(saved, tmp_path, damage, *, of_folders):
    folder, found = saved
    for number, path in enumerate(found):
        if (folder / path).is_dir() != of_folders:
            continue
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        damage(copy / path)
        with pytest.warns(InputWarning, match=r"/2 is damaged: .* put aside"):
            found = restore(copy)
        assert_is(found, 1)
        assert names(copy) == {"1"}
        assert (tmp_path / f"{number}.damaged/2").is_dir()
        yield path.as_posix()


@pytest.mark.parametrize("damage", FILE_DAMAGE.values(), ids=FILE_DAMAGE)
def test_every_damage_to_every_file_is_seen(saved, tmp_path, damage):
    paths = set(damage_each(saved, tmp_path, damage, of_folders=False))
    assert {"2/card.json", "2/manifest.json", "2/state/_CHECKPOINT_METADATA"} < paths
    assert len(paths) > 8


@pytest.mark.parametrize("damage", FOLDER_DAMAGE.values(), ids=FOLDER_DAMAGE)
def test_every_damage_to_every_folder_is_seen(saved, tmp_path, damage):
    paths = set(damage_each(saved, tmp_path, damage, of_folders=True))
    assert {"2/state", "2/state/d"} < paths


def test_a_checkpoint_under_another_step_is_damaged(tmp_path):
    save_steps(tmp_path / "c", 1, 2)
    (tmp_path / "c/2").rename(tmp_path / "c/7")
    with pytest.warns(InputWarning, match="c/7 is damaged: it was written as step 2"):
        assert_is(restore(tmp_path / "c"), 1)


def test_after_damage_the_step_is_saved_again(tmp_path):
    save_steps(tmp_path / "c", 1, 2)
    cut(data_file(tmp_path / "c/2/state"))
    with pytest.warns(InputWarning, match=r"c/2 is damaged: state/d/.* put aside"):
        assert_is(restore(tmp_path / "c"), 1)
    save_steps(tmp_path / "c", 2)
    assert_is(restore(tmp_path / "c"), 2)


def test_when_every_checkpoint_is_damaged_it_says_so(tmp_path):
    save_steps(tmp_path / "c", 1)
    cut(data_file(tmp_path / "c/1/state"))
    every = r"every checkpoint in .* is damaged"
    with pytest.warns(InputWarning), pytest.raises(CheckpointError, match=every):
        restore(tmp_path / "c")


def test_what_a_kill_leaves_is_cleared_and_is_no_damage(tmp_path):
    """At whatever instant it comes: while Orbax writes, or before the last rename."""
    save_steps(tmp_path / "c", 1, 2)
    shutil.copytree(tmp_path / "c/2", tmp_path / "c/3.part")
    (tmp_path / "c/4.part/state.orbax-checkpoint-tmp").mkdir(parents=True)
    (tmp_path / "c/1").rename(tmp_path / "c/1.part")  # while it is removed
    assert_is(restore(tmp_path / "c"), 2)
    assert names(tmp_path / "c") == {"2"}
    assert not (tmp_path / "c.damaged").exists()


@pytest.mark.parametrize(
    ("keep", "keep_best", "kept"),
    [(1, 0, {6}), (2, 1, {2, 5, 6}), (1, 2, {2, 4, 6}), (2, 9, {1, 2, 4, 5, 6})],
)
def test_the_best_are_kept_beside_the_newest(tmp_path, keep, keep_best, kept):
    top1 = {1: 0.2, 2: 0.9, 3: None, 4: 0.3, 5: None, 6: 0.2}
    for step, value in top1.items():  # each in a start of its own
        with Checkpoints(tmp_path, keep=keep, keep_best=keep_best) as checkpoints:
            checkpoints.save(step, state(step), {}, top1=value)
            checkpoints.wait()
            assert step in checkpoints.steps()
    assert set(checkpoints.steps()) == kept


def test_a_course_that_is_left_can_be_dropped(tmp_path):
    with Checkpoints(tmp_path, keep=3) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, state(step), {})
        with pytest.raises(
            SaveError, match=r"step 2 was not saved .*: it is not after"
        ):
            checkpoints.save(2, state(2), {})
        checkpoints.drop(after=1)
        checkpoints.save(2, state(2), {})
    assert checkpoints.steps() == [1, 2]


def test_a_state_may_be_given_away_when_save_returns(tmp_path):
    step = jax.jit(lambda x: x + 1, donate_argnums=0)
    x = step(jnp.zeros((512, 1024)))
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, {"x": x}, {})
        for _ in range(20):
            x = step(x)
        found = checkpoints.restore(template_of({"x": x}))
    assert np.all(np.asarray(found[1]["x"]) == 1)


def test_many_saves_leave_no_threads_and_no_open_files(tmp_path):
    def count():
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    counts = []
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for step in range(50):
            checkpoints.save(step, {"x": jnp.zeros(3)}, {})
            if step % 10 == 9:
                checkpoints.wait()
                counts.append(count())
    # The first saves open what stays open.
    (threads, files), (last_threads, last_files) = counts[1], counts[-1]
    assert last_threads <= threads
    assert last_files <= files


@pytest.mark.parametrize("shape", [(1,), (2,), (1, 2), (2, 1)])
def test_a_state_comes_back_on_other_devices(tmp_path, shape):
    def on(shape, spec):
        mesh = jax.make_mesh(shape, ("a", "b")[: len(shape)], **auto(len(shape)))
        return NamedSharding(mesh, spec)

    def auto(count):
        return {"axis_types": (jax.sharding.AxisType.Auto,) * count}

    whole = np.arange(64.0, dtype=np.float32).reshape(8, 8)
    saved = jax.device_put(whole, on((2,), PartitionSpec("a")))
    wanted = on(shape, PartitionSpec(None, "a"))
    template = {"x": jax.ShapeDtypeStruct((8, 8), jnp.float32, sharding=wanted)}
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, {"x": saved}, {})
        _, tree, _ = checkpoints.restore(template)
    assert tree["x"].sharding == wanted
    np.testing.assert_array_equal(tree["x"], whole)


@pytest.fixture
def collected():
    """Has left coroutines collected here: a later test would be blamed for them."""
    yield
    gc.collect()


OTHERS = {
    "shape": jnp.zeros((3, 3)),
    "dtype": jnp.zeros((64, 64), jnp.bfloat16),
    "names": {"c": jnp.zeros((64, 64))},
}


# What fails in Orbax leaves its siblings' coroutines to the collector.
@pytest.mark.usefixtures("collected")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_state_of_another_model_is_refused(tmp_path, other):
    save_steps(tmp_path / "c", 1)
    template = template_of({"step": jnp.int32(0), "params": {"a.b": other}})
    with (
        Checkpoints(tmp_path / "c", keep=2) as checkpoints,
        pytest.raises(CheckpointError, match="cannot be restored"),
    ):
        checkpoints.restore(template)
    assert_is(restore(tmp_path / "c"), 1)  # nothing was moved
