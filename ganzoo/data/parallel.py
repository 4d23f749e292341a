"""Work spread over threads with the results in order, and the progress bar of long work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from ganzoo.environment.devices import cpu_count

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 16
"""More than this only fights over the disk."""


def worker_count() -> int:
    """Number of processor cores that this process may use, 16 at most."""
    return min(cpu_count(), MAX_WORKERS)


def ordered_map(function: Callable[[T], R], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """``map`` over threads: results in the order of ``items``, at most ``4 * workers`` of them waiting in memory.

    An exception in ``function`` is raised here when its turn comes; what has not begun by then never begins.
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


@contextmanager
def progress_bar(description: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; nothing when ``quiet`` or when standard error is not a terminal.

    Yields a function that moves the bar on by so many items.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda done: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task(description, total=total)
        yield lambda done: progress.advance(task, done)
