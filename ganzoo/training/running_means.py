"""Means of the steps' metrics, and the training speed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class RunningMeans:
    """The mean of each metric since the last ``take``.

    Args:
        metrics: names of the metrics of a step.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        self._metrics = metrics
        self._reset()

    def _reset(self) -> None:
        self._totals = np.zeros(len(self._metrics))
        self._steps = 0
        self._images = 0
        self._seconds = 0.0

    def add(self, rows: NDArray[np.float32], batch_size: int, seconds: float) -> None:
        """Add the metrics of some steps, float32 ``[steps, metrics]``."""
        self._totals += rows.sum(axis=0, dtype=np.float64)
        self._steps += len(rows)
        self._images += len(rows) * batch_size
        self._seconds += seconds

    @property
    def values(self) -> dict[str, float]:
        """The means so far."""
        return dict(zip(self._metrics, (self._totals / max(1, self._steps)).tolist(), strict=True))

    @property
    def images_per_second(self) -> float:
        """Speed: generator steps per second, times the batch size."""
        return self._images / max(1e-9, self._seconds)

    def take(self) -> dict[str, float]:
        """Return the means so far and the speed, and reset them."""
        values = self.values | {"images_per_second": self.images_per_second}
        self._reset()
        return values
