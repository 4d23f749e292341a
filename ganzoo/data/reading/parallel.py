"""Runs a function over threads, with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ganzoo.environment.devices import cpu_count

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 16
"""More threads only compete for the disk."""


def worker_count() -> int:
    """Number of processor cores that this process may use, at most 16."""
    return min(cpu_count(), MAX_WORKERS)


def ordered_map(function: Callable[[T], R], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """``map`` over threads: results in the order of ``items``, at most ``4 * workers`` of them waiting in memory.

    An exception in ``function`` is raised in its turn. Calls that have not started by then are canceled.
    """
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="ganzoo-data") as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
