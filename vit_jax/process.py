"""What a command sets for its whole process: memory that is kept, programs that are.

Nothing heavy is imported: it is set before JAX is.
"""

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from pathlib import Path

CACHE = "JAX_COMPILATION_CACHE_DIR"
# Of malloc.h, with what glibc is told: large arrays come from the heap, which is never
# given back, grows by 256 MB at a time, and is the same for all threads.
MALLOPT = {
    "M_MMAP_MAX": (-4, 0),
    "M_TRIM_THRESHOLD": (-1, -1),
    "M_TOP_PAD": (-2, 2**28),
    "M_ARENA_MAX": (-8, 1),
}


def keep_compiled() -> None:
    """Keeps compiled programs for later processes, unless the user has said where.

    They lie in ~/.cache/vit_jax, a folder for each kind of CPU: what is compiled for
    one may be an illegal instruction on another that shares the home.
    """
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # there is no home
        return
    folder = home / "vit_jax" / f"compiled-{_hash_features()}"
    os.environ.setdefault(CACHE, str(folder))


def keep_memory() -> bool:
    """Keeps freed memory for the next step, where the CPU computes; tells if it does.

    XLA's CPU backend allocates the arrays of each step and frees them. By default glibc
    gives them back to the system, which fills fresh pages with zeros in the next step:
    0.25 s of 1.7 s for a ViT-S/16 at batch 8 on two cores.

    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html.
    """
    if platform.libc_ver()[0] != "glibc" or not _is_cpu_alone():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(name, value) for name, value in MALLOPT.values())


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
