"""Processes that share a run's checkpoints write each once, and decide alike."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_checkpoint import names
from tests.xla_flags import xla_flags
from vit_jax.manifest import find_damage, read_note

ROOT = Path(__file__).parent.parent

# Restores the newest checkpoint on a mesh, says what it is, and saves the next step.
CHILD = """
import json, pathlib, resource, sys, warnings
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

folder, process, count, port, shape, fails = json.loads(sys.argv[1])
if count > 1:
    jax.distributed.initialize(
        f"127.0.0.1:{port}", count, process, shutdown_timeout_seconds=5
    )
from vit_jax.checkpoint import Checkpoints, template_of

mesh = jax.make_mesh(shape, ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2)

def put(x, *spec):
    sharding = NamedSharding(mesh, PartitionSpec(*spec))
    return jax.make_array_from_callback(x.shape, sharding, lambda i: x[i])

def state(step):
    noise = np.random.default_rng(step).normal(size=(8, 16)).astype(np.float32)
    return {
        "step": put(np.int32(step)),
        "rows": put(noise, "data"),
        "columns": put(noise.astype(jnp.bfloat16), None, "fsdp"),
        "both": put(noise, "fsdp", "data"),
        "everywhere": put(noise),
    }

def equal(a, b):
    assert a.sharding == b.sharding
    return all(
        np.asarray(x.data).tobytes() == np.asarray(y.data).tobytes()
        for x, y in zip(a.addressable_shards, b.addressable_shards, strict=True)
    )

told = {"notes": []}
warnings.showwarning = lambda note, *_, **__: told["notes"].append(str(note))
with Checkpoints(pathlib.Path(folder), keep=9) as checkpoints:
    found = checkpoints.restore(template_of(state(0)))
    step = 0
    if found:
        step, tree, card = found
        told["card"] = card
        told["equal"] = all(jax.tree.leaves(jax.tree.map(equal, tree, state(step))))
    if process == fails:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    checkpoints.save(step + 1, state(step + 1), {"saved": step + 1, "by": process})
    checkpoints.wait()
    told["steps"] = checkpoints.steps()
print(json.dumps(told), flush=True)
"""


def start(folder, *, processes, devices, mesh, fails=None):
    """Returns exit code, what it tells and what went wrong, of each process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "XLA_FLAGS": xla_flags(devices=devices)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD,
             json.dumps([str(folder), process, processes, port, mesh, fails])],
            cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for process in range(processes)
    ]  # fmt: skip
    ended = [child.communicate(timeout=120) for child in started]
    # Others print there too.
    lines = [[t for t in out.splitlines() if t.startswith("{")] for out, _ in ended]
    return [
        (child.returncode, json.loads(told[-1]) if told else None, err)
        for child, told, (_, err) in zip(started, lines, ended, strict=True)
    ]


@pytest.mark.slow
def test_states_go_from_mesh_to_mesh_and_from_process_to_process(tmp_path):
    folder, steps = tmp_path / "c", []
    for processes, devices, mesh in [
        (1, 8, (2, 4)),
        (2, 2, (2, 2)),
        (2, 2, (4, 1)),
        (1, 1, (1, 1)),
        (1, 8, (8, 1)),
    ]:
        ends = start(folder, processes=processes, devices=devices, mesh=mesh)
        steps.append(len(steps) + 1)
        for code, told, err in ends:
            assert code == 0, err
            assert told["steps"] == steps
            if len(steps) > 1:
                assert told["equal"]
                assert told["card"] == {"saved": steps[-2], "by": 0}
        assert find_damage(folder / str(steps[-1])) is None
        assert read_note(folder / str(steps[-1])) == {"step": steps[-1], "top1": None}
    assert names(folder) == {str(step) for step in steps}


@pytest.mark.slow
def test_all_processes_leave_the_same_damaged_checkpoint(tmp_path):
    folder = tmp_path / "c"
    for _ in range(2):
        start(folder, processes=1, devices=2, mesh=(2, 1))
    # One process alone looks at this file.
    with (folder / "2/card.json").open("a") as card:
        card.write("x")
    (_, first, _), (_, second, _) = start(folder, processes=2, devices=1, mesh=(2, 1))
    assert first["card"] == second["card"] == {"saved": 1, "by": 0}
    assert first["steps"] == second["steps"] == [1, 2]
    assert len(first["notes"]) == 1
    assert "c/2 is damaged: card.json has" in first["notes"][0]
    assert second["notes"] == []
    assert names(tmp_path / "c.damaged") == {"2"}


@pytest.mark.slow
@pytest.mark.parametrize("fails", [0, 1])
def test_one_process_that_cannot_write_ends_all(tmp_path, fails):
    folder = tmp_path / "c"
    start(folder, processes=1, devices=2, mesh=(2, 1))
    ends = start(folder, processes=2, devices=1, mesh=(2, 1), fails=fails)
    assert all(code != 0 and told is None for code, told, _ in ends)
    assert "SaveError: step 2 was not saved" in ends[fails][2]
    ((_, told, err),) = start(folder, processes=1, devices=2, mesh=(2, 1))
    assert told, err
    assert (told["card"], told["steps"]) == ({"saved": 1, "by": 0}, [1, 2])
