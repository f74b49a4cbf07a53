import os
import subprocess
import sys
import time
from pathlib import Path

from vit_jax.train.hang import EXIT_CODE, HangDetector

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys, time
from pathlib import Path
from vit_jax.train.hang import HangDetector

def wait_for_ever():
    time.sleep(60)

with HangDetector(float(sys.argv[1]), Path(sys.argv[2])) as detector:
    for step in range(20):  # slow, and yet it moves
        detector.at("stepping", step)
        time.sleep(0.1)
    with detector.place("waiting for data"):
        wait_for_ever() if sys.argv[3] == "hangs" else None
"""


def run(*args):
    command = [sys.executable, "-c", PROGRAM, *map(str, args)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_hang_says_where_and_ends(tmp_path):
    file = tmp_path / "hang.txt"
    ended = run(1.0, file, "hangs")
    assert ended.returncode == EXIT_CODE == 70
    assert ended.stderr == (
        "vit-jax: error: nothing has moved for 1 s: waiting for data, step 19; the"
        f" stacks of all threads lie in {file}.\n"
    )
    assert "in wait_for_ever" in file.read_text()


def test_what_moves_goes_on(tmp_path):
    ended = run(1.0, tmp_path / "hang.txt", "moves")
    assert (ended.returncode, ended.stderr, os.listdir(tmp_path)) == (0, "", [])


def test_a_file_that_cannot_be_written_changes_no_end(tmp_path):
    ended = run(0.5, tmp_path / "none" / "hang.txt", "hangs")
    assert ended.returncode == EXIT_CODE
    assert "could not be written" in ended.stderr


def test_zero_switches_it_off(tmp_path):
    with HangDetector(0, tmp_path / "hang.txt") as detector:
        detector.at("stepping", 1)
        time.sleep(0.1)


TIMER = """
import timeit
from pathlib import Path
from vit_jax.train.hang import HangDetector

def move():
    detector.at("stepping", 1)
    with detector.place("waiting for data"):
        pass

with HangDetector(60, Path("hang.txt")) as detector:
    print(min(timeit.repeat(move, number=1000, repeat=9)) / 1000)
"""


def test_a_movement_costs_little():
    # In a process of its own: here each call is checked, which costs more.
    command = [sys.executable, "-c", TIMER]
    seconds = float(subprocess.check_output(command, cwd=ROOT, timeout=60))
    assert seconds < 10e-6  # about 1 us
