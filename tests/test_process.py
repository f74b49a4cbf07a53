"""What a command sets for its process, seen in processes of their own."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

COMPILE = """
from vit_jax.process import keep_compiled
keep_compiled()
import jax, jax.numpy as jnp
print(float(jax.jit(lambda x: jnp.sin(x) @ x)(jnp.arange(4.0))))
"""
FAULTS = """
import resource, sys
before = sys.argv[1:]
from vit_jax.process import use_huge_pages
use_huge_pages()
start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
large = bytearray(b"x") * 2**28
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start, *before)
"""
HAS_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def run(code: str, *args: str, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "XLA_"))}
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env={**kept, "JAX_PLATFORMS": "cpu", **environment},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_compiled_is_kept_and_a_torn_file_is_no_harm(tmp_path):
    def compile_once():
        home = {"XDG_CACHE_HOME": str(tmp_path)}
        out = run(COMPILE, JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0", **home)
        files = sorted(tmp_path.glob("vit_jax/compiled-*/*-cache"))
        return out, {file: file.stat().st_mtime_ns for file in files}

    first, files = compile_once()
    assert files
    assert compile_once() == (first, files)
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    assert compile_once()[0] == first


def test_a_user_says_where_what_is_compiled_is_kept(tmp_path):
    run(
        COMPILE,
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
        JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine"),
        XDG_CACHE_HOME=str(tmp_path / "ours"),
    )
    assert list(tmp_path.glob("mine/*-cache"))
    assert not (tmp_path / "ours").exists()


def test_a_process_without_a_home_computes():
    assert run(
        "import pathlib\n"
        "def home(): raise RuntimeError\n"
        f"pathlib.Path.home = home\n{COMPILE}",
        XDG_CACHE_HOME="",
    )


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc"
    or not HAS_HUGE_PAGES.exists()
    or "[never]" in HAS_HUGE_PAGES.read_text(),
    reason="there are no huge pages",
)
def test_large_arrays_have_huge_pages_and_arguments_stay():
    faults, *arguments = run(FAULTS, "a b", "--c", GLIBC_TUNABLES="").split(" ", 1)
    assert arguments == ["a b --c\n"]
    as_set = run(FAULTS, GLIBC_TUNABLES="glibc.malloc.hugetlb=0")
    assert int(faults) < int(as_set) / 20


def test_huge_pages_are_for_where_the_cpu_computes_and_other_tunables_stay():
    code = (
        "import os; from vit_jax.process import use_huge_pages; use_huge_pages();"
        " print(os.environ['GLIBC_TUNABLES'])"
    )
    kept = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"}
    assert run(code, JAX_PLATFORMS="cuda,cpu", **kept) == "glibc.malloc.arena_max=2\n"
    if platform.libc_ver()[0] == "glibc":
        told = run(code, **kept)
        assert told == "glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1\n"
