"""Nearest training sample: has the generator learned its training data by heart?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from ganzoo.metrics._distances import neighbour_distances
from ganzoo.metrics.base import Better, Features, Metric, Subject, metrics

_REFERENCE = 2500
"""Real samples whose own nearest neighbour is looked for."""


@metrics.register("nearest")
class Nearest(Metric):
    """Distance of generated samples to the nearest real one, over that of real ones to the nearest other real one.

    ``nearest`` is the ratio of the medians: about 1 for new samples of the same kind, near 0 for copies, and far above
    1 for samples unlike the data. ``copies`` is the share of generated samples that are as near to a real one as only
    the nearest ``quantile`` of real samples are to each other. A copy of a picture that was mirrored in training counts
    only if the mirrored form is the one that is compared.

    Attributes:
        quantile: part of the real samples that count as near.
    """

    numbers: ClassVar[Mapping[str, Better]] = {"nearest": "higher", "copies": "lower"}
    whole: ClassVar[bool] = True
    equal_counts: ClassVar[bool] = False

    quantile: float = Field(0.01, gt=0, lt=1)

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        usual = real.own_neighbours(first=_REFERENCE)
        found = neighbour_distances(generated.features, real.features)
        # Where most real samples have an equal, a distance is measured against the mean and not the median, which is 0.
        middle = float(np.median(usual)) or float(usual.mean())
        return {
            "nearest": float(np.median(found)) / middle if middle else float(np.median(found) > 0),
            "copies": float((found <= np.quantile(usual, self.quantile, method="lower")).mean()),
        }
