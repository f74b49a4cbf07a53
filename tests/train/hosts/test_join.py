"""Real processes, which step together and are killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vit_jax.train.hosts.config import HostsConfig
from vit_jax.train.hosts.forward import free_port
from vit_jax.train.hosts.join import join

ROOT = Path(__file__).parents[3]


def test_one_process_joins_nobody():
    with join(HostsConfig()) as hosts:
        hosts.check()
        assert (hosts.index, hosts.count) == (0, 1)
        assert hosts.explain(ValueError("ours")) is None


@contextlib.contextmanager
def started(count, what):
    """Starts processes that join, and ends what is left of them."""
    coordinator = f"127.0.0.1:{free_port()}"
    # A proxy that nobody answers at: JAX alone would ask it for the way to itself.
    environment = os.environ | {"http_proxy": "http://127.0.0.1:9"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.train.hosts.child",
             coordinator, str(count), str(index), what],
            cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for index in range(count)
    ]  # fmt: skip
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def end(process):
    """Returns the exit code and what it said, but for Gloo's greetings."""
    _, err = process.communicate(timeout=90)
    return process.returncode, err


@pytest.mark.slow
@pytest.mark.parametrize(("what", "code"), [("short", 0), ("interrupted", 143)])
def test_all_step_together_and_leave_together(what, code):
    with started(2, what) as processes:
        assert [end(process) for process in processes] == [(code, "")] * 2


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_survivors_name_who_was_lost(index, number):
    with started(2, "long") as processes:
        for process in processes:
            assert process.stdout
            while "stepping" not in process.stdout.readline():
                pass
        processes[index].send_signal(number)
        start = time.monotonic()
        code, err = end(processes[1 - index])
        # At once, or after 5 s of silence; and then the second that is given.
        assert time.monotonic() - start < (6 if number == signal.SIGKILL else 12)
    assert code == 1
    assert f"process {index} (pid {processes[index].pid} on " in err
    assert err.count("\n") == 1
    assert err.startswith("vit-jax: error: ")


@pytest.mark.slow
def test_an_error_in_one_process_ends_all():
    with started(2, "fails") as processes:
        (code, err), (own_code, own_err) = (end(process) for process in processes)
    assert (code, own_code) == (1, 1)
    assert "stopped by an error: RuntimeError: a fault of its own." in err
    assert err.count("\n") == 1
    assert own_err.endswith("RuntimeError: a fault of its own\n")
