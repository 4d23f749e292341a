"""Label response: does the class that was asked for change the sample, and into a sample of that class?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ganzoo.metrics.base import Better, Features, Metric, Subject, Value, metrics
from ganzoo.metrics.frechet import frechet_of_few

_LEAST = 5
"""Samples per class, on average, for a classifier of the real samples."""


@metrics.register("label_response")
class LabelResponse(Metric):
    """Whether a conditional generator follows its label: agreement, distance within the classes, and response.

    ``label_agreement`` is the share of samples that a linear classifier of the real samples puts into the class that
    was asked for: from 0 to 1, the mean of the classes. It is GAN-test (Shmelkov et al. 2018, arXiv:1807.09499) with
    linear discriminant analysis of the features instead of a network. A generator that ignores its label has 1 divided
    by the number of classes. The real samples' value is the limit: what the classifier confuses in real samples, it
    cannot judge in generated ones.

    ``intra_class_frechet`` is the mean of the Frechet distances within each class, from 0 up (intra-FID, Miyato and
    Koyama 2018, arXiv:1802.05637; WCFID of Benny et al. 2021, arXiv:2004.12361). Agreement is high for a class that
    repeats one good sample; this distance is not. It is biased upwards for few samples, even more than ``frechet``:
    compare it only with its floor. It is left out if the draw has fewer than ``least_per_class`` samples per class.

    ``label_response`` is how far samples of one latent in different classes are apart, relative to real samples of
    different classes (both root mean squares): 0 if the label changes nothing, 1 if it changes as much as between
    unrelated real samples. It separates an ignored label from a misunderstood one, where ``label_agreement`` is low for
    both. Only values near 0 are bad: a generator that keeps the style of a latent in all classes is below 1, and good.

    Attributes:
        least_per_class: samples per class, on average, that ``intra_class_frechet`` needs. A class with fewer than half
            of them does not count.
    """

    numbers: ClassVar[Mapping[str, Better]] = {
        "label_agreement": "higher",
        "intra_class_frechet": "lower",
        "label_response": "higher",
    }
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {
        "label_agreement": (0.0, 1.0),
        "intra_class_frechet": (0.0, math.inf),
        "label_response": (0.0, math.inf),
    }
    whole: ClassVar[bool] = True
    equal_counts: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = True
    needs_class_sweep: ClassVar[bool] = True

    least_per_class: int = Field(50, ge=4, le=1_000_000)

    def why_not(self, subject: Subject, count: int) -> str | None:
        classes = len(subject.class_names)
        if classes < 2:
            return "it needs at least 2 classes, and the model has one"
        if count < _LEAST * classes:
            return f"it needs {_LEAST} samples per class, {_LEAST * classes:,} in all, and there are {count:,}"
        return None

    def measure(self, real: Features, generated: Features, subject: Subject) -> Mapping[str, Value]:
        if real.labels is None or generated.labels is None:
            raise ValueError("label_response needs labels")
        classes = len(subject.class_names)
        found = LinearClassifier.fit(real.features, real.labels, classes=classes).classify(generated.features)
        shares = agreement(found, generated.labels, classes=classes)
        shares[np.bincount(real.labels, minlength=classes) == 0] = np.nan  # nothing is known about such a class
        numbers: dict[str, Value] = {"label_agreement": shares}
        distances = self._distances(real, generated, classes)
        if np.isfinite(distances).any():
            numbers["intra_class_frechet"] = distances
        usual = class_difference(real.features, real.labels)
        if generated.class_sweep is not None:
            difference = sweep_difference(generated.class_sweep)
        else:  # real samples have no latent
            difference = class_difference(generated.features, generated.labels)
        return numbers | {"label_response": difference / usual if usual else float(difference > 0)}

    def _distances(self, real: Features, generated: Features, classes: int) -> NDArray[np.float64]:
        """The Frechet distance of each class ``[classes]``, NaN where samples are too few.

        The bias depends on the counts, so every class has equally many real and generated samples, and at most its
        equal share of the generated ones: the floor has about the same counts, even if the real classes are unequal.
        """
        distances = np.full(classes, np.nan)
        share = len(generated) // classes
        if share < self.least_per_class or real.labels is None or generated.labels is None:
            return distances
        for label in range(classes):
            first, second = (part.features[part.labels == label] for part in (real, generated))
            count = min(len(first), len(second), share)
            if 2 * count >= self.least_per_class:
                distances[label] = frechet_of_few(first[:count], second[:count])
        return distances


@dataclass(frozen=True)
class LinearClassifier:
    """Linear discriminant analysis with equal class frequencies: the nearest class mean under a shared covariance.

    The covariance is shrunk towards a multiple of the identity by d / (d + n), its share of noise, so that it can be
    inverted for few samples.

    Attributes:
        weights: ``[d, classes]``.
        offsets: ``[classes]``, minus infinity for a class without samples, which is never chosen.
    """

    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]

    @classmethod
    def fit(cls, features: NDArray[np.floating], labels: NDArray[np.integer], *, classes: int) -> LinearClassifier:
        """Fit to features ``[n, d]`` and labels ``[n]``."""
        counts = np.bincount(labels, minlength=classes)
        means = class_means(features, labels, classes=classes)
        residuals = features - means[labels]
        n, d = features.shape
        covariance = residuals.T @ residuals / max(1, n - np.count_nonzero(counts))
        scale = float(np.trace(covariance)) / d
        shrinkage = d / (d + n)
        covariance *= 1 - shrinkage
        covariance[np.diag_indices(d)] += shrinkage * scale or 1.0
        weights = np.linalg.solve(covariance, means.T)
        offsets = -0.5 * np.einsum("kd,dk->k", means, weights)
        return cls(weights, np.where(counts > 0, offsets, -np.inf))

    def classify(self, features: NDArray[np.floating]) -> NDArray[np.intp]:
        """The class of each sample ``[n]``."""
        found: NDArray[np.intp] = np.argmax(features @ self.weights + self.offsets, axis=1)
        return found


def agreement(found: NDArray[np.intp], labels: NDArray[np.integer], *, classes: int) -> NDArray[np.float64]:
    """For each class the share of its samples that are found in it ``[classes]``, NaN for a class without samples."""
    counts = np.bincount(labels, minlength=classes)
    shares = np.full(classes, np.nan)
    np.divide(np.bincount(labels[found == labels], minlength=classes), counts, out=shares, where=counts > 0)
    return shares


def class_means(features: NDArray[np.floating], labels: NDArray[np.integer], *, classes: int) -> NDArray[np.float64]:
    """The mean of each class, float64 ``[classes, d]``; 0 for a class without samples."""
    means = np.zeros((classes, features.shape[1]))
    for label in np.unique(labels):
        means[label] = features[labels == label].mean(axis=0, dtype=np.float64)
    return means


def class_difference(features: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Root mean square distance of two samples of different classes. All pairs of classes count equally.

    The mean of |x - y|^2 over two classes is the sum of their mean squared lengths minus twice the product of their
    means. 0 for a single class.
    """
    centered = features - features.mean(axis=0, dtype=np.float64)
    present, place = np.unique(labels, return_inverse=True)
    k = len(present)
    if k < 2:
        return 0.0
    means = class_means(centered, place, classes=k)
    lengths = np.bincount(place, weights=np.square(centered).sum(axis=1)) / np.bincount(place)
    products = (np.square(means.sum(axis=0)).sum() - np.square(means).sum()) / (k * (k - 1))
    return float(np.sqrt(max(0.0, 2 * lengths.mean() - 2 * products)))


def sweep_difference(sweep: NDArray[np.floating]) -> float:
    """Root mean square distance of two samples of one latent in different classes, of ``[m, k, d]`` with k above 1."""
    return float(np.sqrt(2 * sweep.var(axis=1, ddof=1, dtype=np.float64).sum(axis=1).mean()))
