"""A command as a process: what is set for all of it, before JAX is imported."""

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from pathlib import Path

CACHE = "JAX_COMPILATION_CACHE_DIR"
TUNABLES = "GLIBC_TUNABLES"
HUGE_PAGES = "glibc.malloc.hugetlb"
COMPUTING = ("train", "evaluate", "predict")


def run(args: list[str] | None = None, *, prog: str = "vit-jax") -> int:
    """Runs `vit_jax.cli` in a process of its own; returns its exit code."""
    args = sys.argv[1:] if args is None else args
    if args and args[0] in COMPUTING:
        use_huge_pages()
    keep_compiled()

    from vit_jax.cli import main

    return main(args, prog=prog)


def keep_compiled() -> None:
    """Keeps compiled programs for later processes, unless the user has said where.

    They lie in ~/.cache/vit_jax, a folder for each kind of CPU: what is compiled for
    one may be an illegal instruction on another that shares the home.
    """
    if CACHE in os.environ:
        return
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # there is no home
        return
    os.environ[CACHE] = str(home / "vit_jax" / f"compiled-{_hash_features()}")


def use_huge_pages() -> None:
    """Starts this process again with huge pages for large arrays, if the CPU computes.

    XLA's CPU backend allocates the arrays of each step anew, and Linux hands them out
    in zeroed pages of 4 KB: 0.5 of the 3.2 CPU seconds of a ViT-S/16's step at batch 8.
    With pages of 2 MB these are 0.15. glibc (2.35 and later) reads whether to ask for
    them when a process begins, so it has to begin once more; it keeps its number. What
    the user has set is left alone.

    Source: https://www.gnu.org/software/libc/manual/html_node/
      Memory-Allocation-Tunables.html.
    """
    told = os.environ.get(TUNABLES, "")
    if platform.libc_ver()[0] != "glibc" or HUGE_PAGES in told or not _is_cpu_alone():
        return
    os.environ[TUNABLES] = ":".join([*filter(None, [told]), f"{HUGE_PAGES}=1"])
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _is_cpu_alone() -> bool:
    """Tells whether JAX can find only the CPU, without importing it."""
    if platforms := os.environ.get("JAX_PLATFORMS"):
        return platforms == "cpu"
    plugins = importlib.metadata.entry_points(group="jax_plugins")
    modules = ("jax_plugins", "libtpu")
    return not plugins and not any(map(importlib.util.find_spec, modules))


def _hash_features() -> str:
    """Returns a few letters for what instructions the CPU has."""
    told, info = f"{sys.platform} {platform.machine()}", Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        names = ("flags", "Features", "model name")
        told += "".join(sorted({line for line in lines if line.startswith(names)}))
    return hashlib.sha256(told.encode()).hexdigest()[:12]
