"""The cores that this process may use, and how much of them it gets; nothing heavy."""

import hashlib
import os
import threading
import time


def count_cores() -> int:
    """Returns how many there are, of those that a batch system left to it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def measure_free_cores(seconds: float) -> float:
    """Returns how many cores a thread for each of them gets to work on.

    Fewer than there are where other programs run, or where a container has a share.
    """
    block = bytes(2**20)  # hashed without Python's lock
    begun, worked = time.perf_counter(), time.process_time()

    def work() -> None:
        while time.perf_counter() < begun + seconds:
            hashlib.sha256(block)

    threads = [threading.Thread(target=work) for _ in range(count_cores())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.process_time() - worked) / (time.perf_counter() - begun)
