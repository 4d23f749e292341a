"""Progress of long work without a terminal (nohup, cron, container logs): a few plain lines on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from ganzoo.environment.quantities import clock_text

INTERVAL_SECONDS = 30.0
"""At most one line in this time, after the first few."""


def print_line(text: str) -> None:
    """Print a line on standard error, at once: a log that is read while the work runs must not lag behind."""
    if sys.stderr is not None:  # print would take standard output in its place
        print(text, file=sys.stderr, flush=True)


class PlainProgress:
    """Prints how far work is: ``Reading images: 1200 of 50000, elapsed 0:00:31, left 0:20:59``.

    Args:
        description: what the work is.
        total: items of the whole work.
        first: items that are done already.
        free_lines: lines that are printed without waiting for the interval.
        clock: seconds; of a test.
    """

    def __init__(
        self,
        description: str,
        total: int,
        *,
        first: int = 0,
        free_lines: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._description, self._total, self._first = description, total, first
        self._free_lines, self._clock = free_lines, clock
        self._begun = self._printed = clock()

    def report(self, done: int, *, details: str = "", always: bool = False) -> None:
        """Print a line if one is due.

        Args:
            done: items that are done, ``first`` included.
            details: between the count and the times, for example losses.
            always: print it whether it is due or not.
        """
        now = self._clock()
        if not always and self._free_lines <= 0 and now - self._printed < INTERVAL_SECONDS:
            return
        self._free_lines -= 1
        self._printed = now
        elapsed = now - self._begun
        parts = [f"{done} of {self._total}", *([details] if details else []), f"elapsed {clock_text(elapsed)}"]
        if self._first < done < self._total:
            parts.append(f"left {clock_text(elapsed / (done - self._first) * (self._total - done))}")
        print_line(f"{self._description}: {', '.join(parts)}")
