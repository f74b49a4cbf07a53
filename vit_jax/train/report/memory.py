"""How much memory a run takes."""

import os
from pathlib import Path

import jax


def find_memory() -> dict[str, float]:
    """Returns bytes: `device_peak_bytes`, of the fullest device, and `host_bytes`.

    Each is left out where it cannot be told: a CPU has no memory of its own.
    """
    found: dict[str, float] = {}
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    peaks = [each["peak_bytes_in_use"] for each in stats if "peak_bytes_in_use" in each]
    if peaks:
        found["device_peak_bytes"] = max(peaks)
    pages = Path("/proc/self/statm")
    if pages.exists():
        resident = int(pages.read_text().split()[1])
        found["host_bytes"] = resident * os.sysconf("SC_PAGE_SIZE")
    return found
