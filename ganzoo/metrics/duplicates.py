"""Duplicates: does the generator make the same sample again and again?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

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
        return {"duplicates": duplicate_rate(real, generated, quantile=self.quantile)}


def duplicate_rate(real: Features, generated: Features, *, quantile: float = 0.01) -> float:
    """The share; of at least 2 samples each, and equally many for a fair comparison."""
    near = np.quantile(real.own_neighbours(), quantile, method="lower")
    return float((generated.own_neighbours() <= near).mean())
