"""Means of what the steps report, and their speed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganzoo.training.step import METRICS


class RunningMeans:
    """Mean of each metric since the last ``take``."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._totals = np.zeros(len(METRICS))
        self._steps = 0
        self._images = 0
        self._seconds = 0.0

    def add(self, rows: NDArray[np.float32], batch_size: int, seconds: float) -> None:
        """Add the metrics of some steps, float32 ``[steps, len(METRICS)]``."""
        self._totals += rows.sum(axis=0, dtype=np.float64)
        self._steps += len(rows)
        self._images += len(rows) * batch_size
        self._seconds += seconds

    @property
    def values(self) -> dict[str, float]:
        """The means so far."""
        return dict(zip(METRICS, (self._totals / max(1, self._steps)).tolist(), strict=True))

    @property
    def images_per_second(self) -> float:
        """Real images that the generator's steps stood for, in a second."""
        return self._images / max(1e-9, self._seconds)

    def take(self) -> dict[str, float]:
        """The means so far with the speed, and begin anew."""
        values = self.values | {"images_per_second": self.images_per_second}
        self._begin()
        return values
