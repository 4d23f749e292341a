"""Runs a function over threads with results in order, and shows a progress bar."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from ganzoo.environment.devices import cpu_count
from ganzoo.environment.progress import PlainProgress

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


@contextmanager
def progress_bar(description: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show progress on standard error: a bar on a terminal, plain lines at intervals elsewhere, nothing if ``quiet``.

    Yields a function to call with the number of newly completed items. Without a terminal, short work prints nothing.
    """
    if quiet:
        yield lambda done: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain_lines(description, total)
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


def _plain_lines(description: str, total: int) -> Callable[[int], None]:
    plain, so_far = PlainProgress(description, total), 0

    def advance(done: int) -> None:
        nonlocal so_far
        so_far += done
        plain.report(so_far)

    return advance
