"""Duplicates: does the generator repeat the same samples?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from ganzoo.metrics.base import Better, Features, Metric, Subject, metrics


@metrics.register("duplicates")
class Duplicates(Metric):
    """Fraction of generated samples whose nearest generated neighbor is as close as among near-duplicate real samples.

    For real samples the value is about ``quantile``, which is the floor. A value of 1 is mode collapse.

    Attributes:
        quantile: fraction of real samples that count as near-duplicates.
    """

    numbers: ClassVar[Mapping[str, Better]] = {"duplicates": "lower"}
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"duplicates": (0.0, 1.0)}

    quantile: float = Field(0.01, gt=0, lt=1)

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        return {"duplicates": duplicate_rate(real, generated, quantile=self.quantile)}


def duplicate_rate(real: Features, generated: Features, *, quantile: float = 0.01) -> float:
    """The fraction of near-duplicates. Needs at least 2 samples each, and equal counts for a fair comparison."""
    near = np.quantile(real.own_neighbors(), quantile, method="lower")
    return float((generated.own_neighbors() <= near).mean())
