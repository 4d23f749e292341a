"""Modes: how many modes or classes of the data does the generator cover, and how evenly?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganzoo.data.base import ModeCenters
from ganzoo.metrics._distances import squared_distance_blocks
from ganzoo.metrics.base import Better, Features, Metric, Subject, metrics


@metrics.register("modes")
class Modes(Metric):
    """Covered modes, fraction of high-quality samples, and reverse KL divergence of the mode frequencies in nats.

    For mixtures of Gaussians, as in PacGAN (Lin et al. 2018, arXiv:1712.04086, section 4.1): a sample is of high
    quality if it is within ``sigmas`` standard deviations of a mode. A mode is covered by one such sample. Every sample
    counts for its nearest mode. For images, the modes are the classes of the extractor: a class is covered by one
    sample, and the reference frequencies are those of the real samples. ``high_quality`` is not reported then.

    Attributes:
        sigmas: radius of a mode, in standard deviations along one axis.
    """

    numbers: ClassVar[Mapping[str, Better]] = {"modes": "higher", "high_quality": "higher", "reverse_kl": "lower"}
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "modes": (0.0, math.inf),
        "high_quality": (0.0, 1.0),
        "reverse_kl": (0.0, math.inf),
    }
    equal_counts: ClassVar[bool] = False

    sigmas: float = Field(3.0, gt=0, le=100)

    def why_not(self, subject: Subject, count: int) -> str | None:
        if subject.mode_centers is not None or subject.has_probabilities:
            return None
        source = "unknown" if subject.source is None else f"'{subject.source.registered_name}'"
        return (
            "it counts the modes of a mixture of Gaussians (ring8, grid25) or the classes of an extractor; "
            f"the data are {source}, and the extractor '{subject.extractor}' has no classes"
        )

    def by_extractor(self, subject: Subject) -> bool:
        return subject.mode_centers is None

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        if subject.mode_centers is not None and generated.points is not None:
            return self._gaussian(generated.points, subject.mode_centers)
        if real.probabilities is None or generated.probabilities is None:
            raise ValueError("modes needs points or probabilities")
        return class_numbers(real.probabilities, generated.probabilities)

    def _gaussian(self, points: NDArray[np.float32], modes: ModeCenters) -> dict[str, float]:
        centers = modes.centers
        nearest, near = np.empty(len(points), np.intp), np.empty(len(points), bool)
        for rows, squared in squared_distance_blocks(points, centers):
            nearest[rows] = squared.argmin(axis=1)
            near[rows] = squared.min(axis=1) <= (self.sigmas * modes.sigma) ** 2
        counts = np.bincount(nearest, minlength=len(centers))
        even = np.full(len(centers), 1 / len(centers))
        return {
            "modes": float(len(np.unique(nearest[near]))),
            "high_quality": float(near.mean()),
            "reverse_kl": kl(counts / len(points), even),
        }


def class_numbers(real: NDArray[np.float32], generated: NDArray[np.float32]) -> dict[str, float]:
    """Number of covered classes and reverse KL divergence, from class probabilities ``[n, k]``.

    Half a sample is added to every class of the real samples, so that a class without real samples is not infinite.
    """
    k = real.shape[1]
    found = np.bincount(generated.argmax(axis=1), minlength=k)
    wanted = np.bincount(real.argmax(axis=1), minlength=k) + 0.5
    return {"modes": float((found > 0).sum()), "reverse_kl": kl(found / found.sum(), wanted / wanted.sum())}


def kl(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """KL(p || q) in nats of two distributions ``[k]``; q must be positive where p is."""
    positive = p > 0
    return float((p[positive] * np.log(p[positive] / q[positive])).sum())
