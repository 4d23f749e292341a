"""Classifier score (Inception Score): how clear is the class of each sample, and how diverse are the classes?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.metrics.base import Better, Features, Metric, Subject, metrics


@metrics.register("classifier_score")
class ClassifierScore(Metric):
    """exp(E KL(p(y|x) || p(y))) of generated samples (Salimans et al. 2016, arXiv:1606.03498, section 4).

    The value is from 1 to the number of classes. It uses only generated samples, so copies of training data score well.
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("is", "inception_score")
    numbers: ClassVar[Mapping[str, Better]] = {"classifier_score": "higher"}
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"classifier_score": (1.0, math.inf)}
    equal_counts: ClassVar[bool] = False

    def why_not(self, subject: Subject, count: int) -> str | None:
        if subject.has_probabilities:
            return None
        return f"it needs class probabilities, which the extractor '{subject.extractor}' does not return"

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        if generated.probabilities is None:
            raise ValueError("classifier_score needs probabilities")
        return {"classifier_score": score(generated.probabilities)}


def score(probabilities: NDArray[np.float32]) -> float:
    """The score of class probabilities ``[n, k]``."""
    p = probabilities.astype(np.float64)
    ratio = np.divide(p, p.mean(axis=0), out=np.ones_like(p), where=p > 0)
    return float(np.exp((p * np.log(ratio)).sum(axis=1).mean()))
