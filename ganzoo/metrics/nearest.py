"""Nearest training sample: does the generator memorize its training data?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from ganzoo.metrics._distances import neighbor_distances
from ganzoo.metrics.base import Better, Features, Metric, Subject, metrics

_REFERENCE = 2500
"""Number of real samples whose nearest neighbor is computed."""


@metrics.register("nearest")
class Nearest(Metric):
    """Distance of generated samples to the nearest of all real samples, relative to that distance among real samples.

    ``nearest`` is the ratio of the medians: about 1 for new samples like the data, near 0 for copies, and far above 1
    for samples unlike the data. ``copies`` is the fraction of generated samples whose nearest real sample is as close
    as among the closest ``quantile`` of real samples. If training mirrors images, each real image is compared in one
    form only, so a copy of the other form is not counted.

    Attributes:
        quantile: fraction of real samples that count as close.
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("copies", "memorization")
    numbers: ClassVar[Mapping[str, Better]] = {"nearest": "near floor", "copies": "lower"}
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"nearest": (0.0, math.inf), "copies": (0.0, 1.0)}
    searches_all: ClassVar[bool] = True
    equal_counts: ClassVar[bool] = False

    quantile: float = Field(0.01, gt=0, lt=1)

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        usual = real.own_neighbors(first=_REFERENCE)
        found = neighbor_distances(generated.features, real.features)
        # If most real samples have an exact duplicate, the median is 0, so the mean is used.
        middle = float(np.median(usual)) or float(usual.mean())
        return {
            "nearest": float(np.median(found)) / middle if middle else float(np.median(found) > 0),
            "copies": float((found <= np.quantile(usual, self.quantile, method="lower")).mean()),
        }
