"""Estimates when a training ends, for the progress display. The clock never influences the training."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 1800.0
"""The speed is the mean of this time, so that pauses for samples, evaluations and checkpoints count."""


class RemainingTime:
    """The remaining time of a training, in seconds of a clock on the wall.

    The measurement begins at the first report, because the time before it includes compiling.

    Args:
        last_step: the step at which this training ends.
        deadline: the time at which it ends, in seconds of ``clock``; None without a limit.
        clock: returns seconds; tests replace it.
    """

    def __init__(
        self, last_step: int, *, deadline: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._last_step, self._deadline, self._clock = last_step, deadline, clock
        self._reports: deque[tuple[float, int]] = deque()

    def report(self, step: int) -> None:
        """Report the current step. A step below the previous one (after a rollback) restarts the measurement."""
        now = self._clock()
        if self._reports and step <= self._reports[-1][1]:
            self._reports.clear()
        self._reports.append((now, step))
        while len(self._reports) > 2 and now - self._reports[0][0] > WINDOW_SECONDS:
            self._reports.popleft()

    @property
    def seconds(self) -> float | None:
        """Seconds from the last report to the last step, or to the deadline if it is earlier. None if unknown."""
        if len(self._reports) < 2:
            return None
        (begun, first), (now, step) = self._reports[0], self._reports[-1]
        left = (self._last_step - step) * (now - begun) / (step - first)
        return left if self._deadline is None else max(0.0, min(left, self._deadline - now))
