"""A short run of benchmarks/fuzz.py, whose long one is a hundred thousand files."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import fuzz
from tests.weights.mutants import make_seeds, mutate
from vit_jax.errors import InputError

ROOT = Path(__file__).parent.parent.parent


def test_two_thousand_hostile_files_are_read_or_refused():
    command = [sys.executable, "-m", "benchmarks.fuzz", "--inputs=2000", "--seed=1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^(\S.*\S) +([\d,]+) +([\d,]+) +0$", done.stdout, re.MULTILINE)
    assert len(rows) == 10  # nine formats, and all
    for name, read, refused in rows:
        assert int(read.replace(",", "")) > 0, name
        assert int(refused.replace(",", "")) > 100, name


def open_file(path):
    path.with_name("y").write_text("")


def start_program(_path):
    subprocess.run(["true"], check=True)


def run_code(_path):
    exec("1")


def take_memory(_path):
    bytearray(2**33)


def fail(_path):
    raise KeyError("x")


def wait(_path):
    time.sleep(1)


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (open_file, "did open"),
        (start_program, "did "),
        (run_code, "did compile"),
        (lambda _: os.system("true"), "did os.system"),
        (take_memory, "MemoryError"),
        (fail, "KeyError: 'x'"),
        (wait, "Hang"),
    ],
)
def test_what_no_reading_should_do_is_a_fault(tmp_path, monkeypatch, act, told):
    monkeypatch.setattr(fuzz, "read_tensors", act)
    monkeypatch.setattr(fuzz, "SECONDS", 0.05)
    audit = fuzz.Audit()
    with fuzz.guarded():
        outcome = fuzz.check(tmp_path / "x", audit)
    assert outcome.startswith(told)


def test_an_input_error_is_none(tmp_path, monkeypatch):
    def refuse(_path):
        raise InputError("no")

    monkeypatch.setattr(fuzz, "read_tensors", refuse)
    assert fuzz.check(tmp_path / "x", fuzz.Audit()) == "refused"


def test_a_number_gives_the_same_file_again(tmp_path):
    seeds = make_seeds(tmp_path)
    for number in range(50):
        assert mutate(seeds, number) == mutate(seeds, number)
    assert len({mutate(seeds, number)[1] for number in range(200)}) > 150
