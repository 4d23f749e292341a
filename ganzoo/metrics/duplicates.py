"""Duplicates: does the generator make the same sample again and again?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganzoo.metrics._distances import neighbour_distances
from ganzoo.metrics.base import Better, Features, Metric, Subject, metrics


@metrics.register("duplicates")
class Duplicates(Metric):
    """Share of generated samples that are as near to another one as only the nearest real samples are to each other.

    Among real samples about ``quantile`` are, which is the floor; 1 is collapse.

    Attributes:
        quantile: part of the real samples that count as near-duplicates.
    """

    numbers: ClassVar[Mapping[str, Better]] = {"duplicates": "lower"}

    quantile: float = Field(0.01, gt=0, lt=1)

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        return {"duplicates": duplicate_rate(real.features, generated.features, quantile=self.quantile)}


def duplicate_rate(real: NDArray[np.float32], generated: NDArray[np.float32], *, quantile: float = 0.01) -> float:
    """The share, from features ``[n, d]`` and ``[m, d]``; n and m of at least 2, and equal for a fair comparison."""
    usual = neighbour_distances(real, real, skip_own=True)
    found = neighbour_distances(generated, generated, skip_own=True)
    return float((found <= np.quantile(usual, quantile, method="lower")).mean())
