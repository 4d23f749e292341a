"""Progress of long work on standard error: a bar on a terminal, elsewhere (nohup, cron, container logs) a few lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ganzoo.environment.quantities import clock_text

FIRST_SECONDS, INTERVAL_SECONDS = 5.0, 30.0
"""Time before the first line, and minimum time between two lines, except for free lines."""


def print_line(text: str) -> None:
    """Print a line on standard error, and flush it, so that a log shows the current progress."""
    if sys.stderr is not None:  # with None, print would write to standard output
        print(text, file=sys.stderr, flush=True)


class PlainProgress:
    """Prints progress lines: ``Reading images: 1200 of 50000, elapsed 0:00:31, left 0:20:59``.

    Args:
        description: the name of the work.
        total: number of items.
        first: number of items that are already done.
        free_lines: number of first lines that do not wait for the interval.
        remaining: returns the remaining seconds, or None if they are unknown; by default the mean speed determines
            them.
        clock: returns seconds; tests replace it.
    """

    def __init__(
        self,
        description: str,
        total: int,
        *,
        first: int = 0,
        free_lines: int = 0,
        remaining: Callable[[], float | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._description, self._total, self._first = description, total, first
        self._free_lines, self._remaining, self._clock = free_lines, remaining, clock
        self._begun = self._printed = clock()
        self._interval = FIRST_SECONDS

    def report(self, done: int, *, details: str = "", always: bool = False) -> None:
        """Print a line if one is due.

        Args:
            done: number of items that are done, including ``first``.
            details: text between the count and the times, for example losses.
            always: print the line even if it is not due.
        """
        now = self._clock()
        if not always and self._free_lines <= 0 and now - self._printed < self._interval:
            return
        self._free_lines -= 1
        self._printed, self._interval = now, INTERVAL_SECONDS
        elapsed = now - self._begun
        parts = [f"{done} of {self._total}", *([details] if details else []), f"elapsed {clock_text(elapsed)}"]
        if self._first < done < self._total:
            mean = elapsed / (done - self._first) * (self._total - done)
            left = mean if self._remaining is None else self._remaining()
            parts += [] if left is None else [f"left {clock_text(left)}"]
        print_line(f"{self._description}: {', '.join(parts)}")


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
