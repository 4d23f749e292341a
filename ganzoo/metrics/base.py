"""The base class of metrics, and the features that metrics compare."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import DataSource, ModeCenters
from ganzoo.metrics._distances import neighbor_distances
from ganzoo.registry import Part, Registry
from ganzoo.sample_spec import SampleSpec

Better = Literal["lower", "higher", "near floor"]
"""``near floor``: as close as possible to the value of other real samples."""
Value = float | NDArray[np.float64]
"""A number, or one number per class ``[classes]``, NaN for a class that cannot be measured. Then the number is the mean
of the classes, and the worst class is reported."""
LEAST_SAMPLES, MOST_SAMPLES = 16, 1_000_000
"""Bounds for the number of samples in a measurement."""
NO_LIMITS = (-math.inf, math.inf)
UNCONDITIONAL = "it needs a conditional model, and this model has no classes"


@dataclass(frozen=True)
class Features:
    """Features of samples, in random order.

    Attributes:
        features: float32 ``[n, d]``.
        probabilities: class probabilities, float32 ``[n, k]``; None without classes.
        points: the samples, if they are vectors, float32 ``[n, m]``; None for images.
        labels: class of each sample, int32 ``[n]``: of a real sample its own, of a generated sample the class that was
            asked for; None for a model without classes.
        class_sweep: features of further generated samples, ``[m, k, d]``: m latents, each with the same k of the
            classes. None for real samples, and for metrics that do not set ``needs_class_sweep``.
    """

    features: NDArray[np.float32]
    probabilities: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None
    labels: NDArray[np.int32] | None = None
    class_sweep: NDArray[np.float32] | None = None
    _known: dict[tuple[int, int], NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.features)

    def own_neighbors(self, k: int = 1, *, first: int | None = None) -> NDArray[np.float64]:
        """Distance of the ``first`` samples (default: all) to their k-th nearest neighbor. The result is cached."""
        rows = min(len(self), first or len(self))
        if (k, rows) not in self._known:
            self._known[k, rows] = neighbor_distances(self.features[:rows], self.features, k=k, skip_own=True)
        return self._known[k, rows]

    def take(self, rows: NDArray[np.intp] | slice) -> Features:
        """The features of the given rows. The class sweep is not selected."""
        return Features(
            self.features[rows],
            None if self.probabilities is None else self.probabilities[rows],
            None if self.points is None else self.points[rows],
            None if self.labels is None else self.labels[rows],
            self.class_sweep,
        )


@dataclass(frozen=True)
class Subject:
    """The subject of an evaluation.

    Attributes:
        source: data source of the real samples; None if unknown.
        extractor: name of the extractor, for messages.
        has_probabilities: whether the extractor returns class probabilities.
        class_names: the classes of a conditional model whose real samples have labels, in label order; otherwise empty.
        no_labels: why there are no labels, as a clause, if ``class_names`` is empty.
    """

    source: DataSource | None
    extractor: str
    has_probabilities: bool = False
    class_names: tuple[str, ...] = ()
    no_labels: str = UNCONDITIONAL

    @property
    def mode_centers(self) -> ModeCenters | None:
        """The modes of the real data, if they are a known mixture of Gaussians."""
        return self.source.mode_centers() if self.source is not None else None


class Metric(Part):
    """Compares generated with real samples in one or more numbers."""

    numbers: ClassVar[Mapping[str, Better]] = {}
    """Name of each number -> the better direction."""

    limits: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Name of a number -> its smallest and its largest possible value. An interval ends there."""

    canonical: ClassVar[str | None] = None
    """Name of the number in the literature, for the canonical extractor: "FID"."""

    whole: ClassVar[bool] = False
    """Whether ``measure`` gets the real samples of all draws, except those of the floor, not only those of the draw."""

    searches_all: ClassVar[bool] = False
    """Whether ``measure`` gets every real sample, however many there are, because it searches for copies of them. Only
    the floor leaves out the samples that it puts in the place of generated ones."""

    equal_counts: ClassVar[bool] = True
    """Whether the metric needs as many generated as real samples, for example because it counts neighbors."""

    needs_labels: ClassVar[bool] = False
    """Whether the metric compares samples with their class. Such a metric measures only conditional models whose real
    samples have labels; ``labels`` of the features are then never None."""

    needs_class_sweep: ClassVar[bool] = False
    """Whether the metric compares samples of one latent in several classes, the ``class_sweep`` of the generated
    features. They are generated in addition. A metric that sets it sets ``needs_labels``, too."""

    def why_not(self, subject: Subject, count: int) -> str | None:
        """The reason why the metric cannot measure ``count`` samples of this subject, as a clause; None if it can.

        Subclasses override it. ``obstacle`` calls it only if the labels that the metric needs exist.
        """
        return None

    def obstacle(self, subject: Subject, count: int) -> str | None:
        """The reason why ``count`` samples of this subject cannot be measured: missing labels, or ``why_not``."""
        if self.needs_labels and not subject.class_names:
            return subject.no_labels
        return self.why_not(subject, count)

    def by_extractor(self, subject: Subject) -> bool:
        """Whether the numbers depend on the extractor. If so, their labels have its name."""
        return True

    def measure(self, real: Features, generated: Features, subject: Subject) -> Mapping[str, Value]:
        """Compute the numbers: for each name in ``numbers`` one finite value, or one value per class.

        Args:
            real: features of real samples: as many as generated ones, unless the metric sets ``whole`` or
                ``searches_all``, or unsets ``equal_counts``.
            generated: features of generated samples, or of other real samples to measure the floor.
            subject: the subject, accepted by ``obstacle``.
        """
        raise NotImplementedError


def default_metric(spec: SampleSpec) -> tuple[Metric, str]:
    """The metric for measuring during training when none is named, and the number that selects the best checkpoint.

    Vectors use ``coverage``: a Frechet distance compares only means and covariances, which a generator of points
    matches long before it finds the modes.
    """
    name, number = ("frechet", "frechet") if spec.is_image else ("density_coverage", "coverage")
    return metrics.create(name), number


metrics: Registry[Metric] = Registry("metrics", kind="metric", base=Metric, package="ganzoo.metrics")


def metric_of(number: str) -> type[Metric] | None:
    """The metric that measures a number, by its name or its name in the literature ("FID"); None if there is none."""
    found = (metrics.get(name) for name in metrics.names())
    return next((metric for metric in found if number in metric.numbers or number == metric.canonical), None)
