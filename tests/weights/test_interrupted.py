"""A conversion that is stopped leaves nothing half-written."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from vit_jax.weights.files import write_tensors

# Writes until it is stopped: each tensor is said before the next one is.
WRITER = """
import sys
import time
from pathlib import Path
import numpy as np
from vit_jax.weights import convert, read
from vit_jax.weights.files import write_tensors
from vit_jax.cli import main


def write(source, target, **_):
    tensors = {str(i): np.ones(1000, np.float32) for i in range(1000)}
    def told(_):
        print("wrote", flush=True)
        time.sleep(0.05)
    write_tensors(Path(target), tensors, progress=told)

convert.convert = write
sys.exit(main(["convert", "a.npz", sys.argv[1]]))
"""


def start(target):
    """Returns a process that is in the middle of writing a file."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "wrote\n"
    return process


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_stopped_conversion_leaves_nothing(tmp_path, suffix, number, code):
    process = start(tmp_path / f"x{suffix}")
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_a_stopped_conversion_leaves_the_older_file_as_it_was(tmp_path):
    target = tmp_path / "x.npz"
    write_tensors(target, {"a": np.ones(3, np.float32)})
    before = target.read_bytes()
    process = start(target)
    process.kill()
    process.communicate(timeout=60)
    assert target.read_bytes() == before


def test_what_a_kill_left_is_cleared_away_by_the_next(tmp_path):
    target = tmp_path / "x.npz"
    process = start(target)
    process.kill()
    process.communicate(timeout=60)
    (left,) = tmp_path.iterdir()
    assert left.name == f".x.npz.{process.pid}.part"
    other = tmp_path / f".x.npz.{os.getpid()}.part"
    other.touch()  # of a process that runs
    write_tensors(target, {"a": np.ones(3, np.float32)})
    assert target.exists()
    assert not left.exists()
