"""What a disk does to a checkpoint is noticed, and the newest good one is used."""

import gc
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vit_jax.checkpoint import CheckpointError, Checkpoints, digest
from vit_jax.errors import InputWarning
from vit_jax.train.mesh import make_mesh, replicated


def state(step):
    noise = np.random.default_rng(step).normal(size=(64, 64)).astype(np.float32)
    return {"step": jnp.int32(step), "params": {"a.b": jnp.asarray(noise)}}


def save_steps(folder, *steps):
    with Checkpoints(folder, keep=2) as checkpoints:
        for step in steps:
            checkpoints.save(step, state(step), {"next_index": step})


def restore(folder):
    with Checkpoints(folder, keep=2) as checkpoints:
        return checkpoints.restore(state(0), replicated(make_mesh()))


def data_file(folder):
    """Returns the file with the numbers; Orbax leaves others that nothing reads."""
    files = [path for path in (folder / "d").rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def test_the_newest_of_those_kept_comes_back_with_its_position(tmp_path):
    save_steps(tmp_path / "c", 1, 2, 3)
    found, position = restore(tmp_path / "c")
    assert digest(found) == digest(state(3))
    assert position == {"next_index": 3}
    assert {path.name for path in (tmp_path / "c").iterdir()} == {"2", "3"}


def test_none_is_there_before_the_first_save(tmp_path):
    assert restore(tmp_path / "c") is None


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_checkpoint_is_put_aside_and_the_one_before_used(tmp_path, damage):
    save_steps(tmp_path / "c", 1, 2)
    damage(data_file(tmp_path / "c/2/state"))
    with pytest.warns(InputWarning, match=r"c/2 is damaged: state/d/.* put aside"):
        found, position = restore(tmp_path / "c")
    assert digest(found) == digest(state(1))
    assert position == {"next_index": 1}
    assert (tmp_path / "c.damaged/2").is_dir()
    save_steps(tmp_path / "c", 2)
    assert digest(restore(tmp_path / "c")[0]) == digest(state(2))


def test_when_every_checkpoint_is_damaged_it_says_so(tmp_path):
    save_steps(tmp_path / "c", 1)
    cut(data_file(tmp_path / "c/1/state"))
    every = r"every checkpoint in .* is damaged"
    with pytest.warns(InputWarning), pytest.raises(CheckpointError, match=every):
        restore(tmp_path / "c")


@pytest.fixture
def collected():
    """Has left coroutines collected here: a later test would be blamed for them."""
    yield
    gc.collect()


# What fails in Orbax leaves its siblings' coroutines to the collector.
@pytest.mark.usefixtures("collected")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_state_of_other_shapes_is_refused(tmp_path):
    save_steps(tmp_path / "c", 1)
    other = {"step": jnp.int32(0), "params": {"a.b": jnp.zeros((3, 3))}}
    with (
        Checkpoints(tmp_path / "c", keep=2) as checkpoints,
        pytest.raises(CheckpointError, match="cannot be restored"),
    ):
        checkpoints.restore(other, replicated(make_mesh()))
    assert restore(tmp_path / "c") is not None  # nothing was moved


SAVE_OVER_A_FILE = """
import os, pathlib, sys
import jax.numpy as jnp
from vit_jax.checkpoint import Checkpoints
folder = pathlib.Path(sys.argv[1])
try:
    with Checkpoints(folder, keep=2) as checkpoints:
        folder.rmdir()
        folder.write_text("in the way")
        checkpoints.save(1, {"step": jnp.int32(1)}, {})
except OSError as error:
    print(type(error).__name__, flush=True)
    os._exit(3)
"""


def test_a_failed_save_is_raised_and_never_success(tmp_path):
    # A process of its own: threads of Orbax wait for the folder for minutes, and then
    # leave coroutines for which another test would be blamed.
    done = subprocess.run(
        [sys.executable, "-c", SAVE_OVER_A_FILE, tmp_path / "c"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["NotADirectoryError"], done.stderr
    assert done.returncode == 3


def test_a_digest_sees_every_bit():
    one = {"a": jnp.zeros(3), "b": jnp.ones(2, jnp.bfloat16)}
    other = jax.tree.map(np.array, one)
    assert digest(one) == digest(other)
    other["a"][1] = -0.0
    assert digest(one) != digest(other)
