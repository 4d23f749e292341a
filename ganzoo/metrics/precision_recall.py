"""Improved precision and recall: are the samples realistic, and do they cover the data?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganzoo.metrics._distances import squared_distance_blocks
from ganzoo.metrics.base import Better, Features, Metric, Subject, metrics


class Neighborhoods(Metric):
    """Base class of metrics that use k-nearest-neighbor balls.

    Attributes:
        k: the neighbor that defines the radius of a ball.
    """

    k: int = Field(3, ge=1, le=1000)

    def why_not(self, subject: Subject, count: int) -> str | None:
        return None if count > self.k else f"it needs more than k = {self.k} samples, and there are {count}"


@metrics.register("precision_recall")
class PrecisionRecall(Neighborhoods):
    """Fraction of generated samples inside a ball of real samples, and of real samples inside a ball of generated ones
    (Kynkaanniemi et al. 2019, arXiv:1904.06991).
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("precision", "recall", "pr", "improved_precision_recall")
    numbers: ClassVar[Mapping[str, Better]] = {"precision": "higher", "recall": "higher"}
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"precision": (0.0, 1.0), "recall": (0.0, 1.0)}

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        return {
            "precision": _covered(generated.features, real.features, real.own_neighbors(self.k)),
            "recall": _covered(real.features, generated.features, generated.own_neighbors(self.k)),
        }


def _covered(queries: NDArray[np.float32], centers: NDArray[np.float32], radii: NDArray[np.float64]) -> float:
    """Fraction of queries inside at least one ball."""
    inside = sum(
        int((np.sqrt(squared) <= radii).any(axis=1).sum()) for _, squared in squared_distance_blocks(queries, centers)
    )
    return inside / len(queries)
