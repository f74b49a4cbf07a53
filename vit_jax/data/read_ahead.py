"""Results made ahead of their use, by threads or processes, handed out in order."""

import collections
import concurrent.futures
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, TypeVar, cast

from vit_jax.data.slots import Slots

T = TypeVar("T")

# Set once in a worker process, which serves one iterator: what a call makes is sent
# there when it starts and not with every number.
_make: Callable[[int], Any] | None = None
_slots: Slots | None = None


class ReadAhead(Iterator[T], Generic[T]):
    """make(0), make(1), ... in order, whoever makes them.

    Up to two more than there are workers are made before they are asked for, and kept.
    An error is raised where the result would have come.
    """

    def __init__(
        self,
        make: Callable[[int], T],
        *,
        stop: int | None = None,
        num_threads: int = 0,
        num_workers: int = 0,
        result_bytes: int = 0,
    ) -> None:
        """Starts nothing yet; the first result does.

        Args:
          stop: how many results there are; None for no end.
          result_bytes: room for the arrays of one result, which is then a dictionary of
            them; worker processes hand them over in shared memory.
        """
        self._make, self._stop = make, stop
        self._ahead = (num_workers or num_threads) + 2
        shares = num_workers and result_bytes
        self._slots = Slots(self._ahead, result_bytes) if shares else None
        self._executor = _start(make, num_threads, num_workers, self._slots)
        self._in_processes = num_workers > 0
        self._pending: collections.deque[Future[T]] = collections.deque()
        self._position = 0
        if self._executor is not None:
            weakref.finalize(
                self, self._executor.shutdown, wait=False, cancel_futures=True
            )

    @property
    def position(self) -> int:
        """The number of the next result."""
        return self._position

    def seek(self, position: int) -> None:
        """Makes position the number of the next result."""
        for future in self._pending:
            future.cancel()
        if self._slots is not None:
            # What is being made still writes where what comes next would.
            concurrent.futures.wait(self._pending)
        self._pending.clear()
        self._position = position

    def __next__(self) -> T:
        if self._stop is not None and self._position >= self._stop:
            raise StopIteration
        if self._executor is None:
            result = self._make(self._position)
        else:
            self._submit(self._executor)
            result = self._fetch()
            self._pending.popleft()
        self._position += 1
        return result

    def _submit(self, executor: concurrent.futures.Executor) -> None:
        call = _make_in_worker if self._in_processes else self._make
        last = self._position + self._ahead
        if self._stop is not None:
            last = min(last, self._stop)
        for number in range(self._position + len(self._pending), last):
            self._pending.append(executor.submit(call, number))

    def _fetch(self) -> T:
        try:
            result = self._pending[0].result()
        except BrokenProcessPool as error:
            raise RuntimeError(
                "a process that reads images ended. Was it killed for want of memory?"
                " In a script of your own, begin under"
                " `if __name__ == '__main__':`. Threads (num_workers=0) need neither."
            ) from error
        if self._slots is None:
            return result
        return cast(T, self._slots.take(cast(dict[str, Any], result)))

    def close(self) -> None:
        """Ends the threads or processes."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)


def _start(
    make: Callable[[int], Any],
    num_threads: int,
    num_workers: int,
    slots: Slots | None,
) -> concurrent.futures.Executor | None:
    if num_workers:
        # Never forked: a copy of jax's threads or of a lock held by one would hang.
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            num_workers,
            mp_context=spawn,
            initializer=_begin_worker,
            initargs=(make, slots),
        )
    if num_threads:
        return ThreadPoolExecutor(num_threads, thread_name_prefix="images")
    return None


def _begin_worker(make: Callable[[int], Any], slots: Slots | None) -> None:
    global _make, _slots
    _make, _slots = make, slots
    # Ctrl-C reaches the whole group; what follows it, the main process decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process with its parent, also where that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _make_in_worker(number: int) -> Any:
    assert _make is not None
    result = _make(number)
    return result if _slots is None else _slots.put(number, result)
