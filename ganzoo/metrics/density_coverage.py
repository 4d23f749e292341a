"""Density and coverage: variants of precision and recall that are robust to outliers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from ganzoo.metrics._distances import squared_distance_blocks
from ganzoo.metrics.base import Better, Features, Subject, metrics
from ganzoo.metrics.precision_recall import Neighborhoods


@metrics.register("density_coverage")
class DensityCoverage(Neighborhoods):
    """Density and coverage (Naeem et al. 2020, arXiv:2002.09797, equations 5 and 6).

    Density is the mean number of real k-nearest-neighbor balls around a generated sample, divided by k: 1 on average
    for real samples, and possibly more. Coverage is the fraction of real balls that contain a generated sample.
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("density", "coverage", "prdc")
    numbers: ClassVar[Mapping[str, Better]] = {"density": "higher", "coverage": "higher"}
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"density": (0.0, math.inf), "coverage": (0.0, 1.0)}

    k: int = Field(5, ge=1, le=1000)

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        radii = real.own_neighbors(self.k)
        inside, held = 0, np.zeros(len(real), bool)
        for _, squared in squared_distance_blocks(generated.features, real.features):
            within = np.sqrt(squared) <= radii
            inside += int(within.sum())
            held |= within.any(axis=0)
        return {"density": inside / (self.k * len(generated)), "coverage": float(held.mean())}
