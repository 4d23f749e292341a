"""What every metric is, and what it sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import DataSource, ModeCenters
from ganzoo.metrics._distances import neighbour_distances
from ganzoo.registry import Part, Registry
from ganzoo.sample_spec import SampleSpec

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Features:
    """Samples as an extractor sees them, in random order.

    Attributes:
        features: float32 ``[n, d]``.
        probabilities: of the extractor's classes, float32 ``[n, k]``, each row with the sum 1; None without classes.
        points: the samples themselves where they are vectors, float32 ``[n, m]``; None for images.
    """

    features: NDArray[np.float32]
    probabilities: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None
    _known: dict[tuple[int, int], NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.features)

    def own_neighbours(self, k: int = 1, *, first: int | None = None) -> NDArray[np.float64]:
        """Distance of the ``first`` samples (all by default) to their k-th nearest other one; worked out once."""
        rows = min(len(self), first or len(self))
        if (k, rows) not in self._known:
            self._known[k, rows] = neighbour_distances(self.features[:rows], self.features, k=k, skip_own=True)
        return self._known[k, rows]

    def take(self, rows: NDArray[np.intp] | slice) -> Features:
        """The samples of some rows."""
        return Features(
            self.features[rows],
            None if self.probabilities is None else self.probabilities[rows],
            None if self.points is None else self.points[rows],
        )


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        source: of the real samples; None if unknown.
        extractor: its name, for messages.
        has_probabilities: whether the extractor tells classes.
    """

    source: DataSource | None
    extractor: str
    has_probabilities: bool = False

    @property
    def mode_centers(self) -> ModeCenters | None:
        """The modes of the real data, if they are a known mixture of Gaussians."""
        return self.source.mode_centers() if self.source is not None else None


class Metric(Part):
    """A comparison of generated with real samples that gives one number or several."""

    numbers: ClassVar[Mapping[str, Better]] = {}
    """Name of each number -> whether a better generator has a lower or a higher one."""

    canonical: ClassVar[str | None] = None
    """What the number is called with the extractor and the counts of the literature: "FID"."""

    whole: ClassVar[bool] = False
    """Whether ``measure`` is given all real samples there are, and not only those of the draw."""

    equal_counts: ClassVar[bool] = True
    """Whether the number means something only of as many generated as real samples, as where neighbours are counted."""

    def why_not(self, subject: Subject, count: int) -> str | None:
        """Why the metric cannot measure ``count`` samples of this subject, as the end of a sentence; None if it can."""
        return None

    def by_extractor(self, subject: Subject) -> bool:
        """Whether the numbers depend on the extractor, so that their labels carry its name."""
        return True

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        """The numbers, by the names in ``numbers``; all finite.

        Args:
            real: real samples; as many as generated ones, unless the metric is ``whole`` or can do without
                ``equal_counts``.
            generated: generated samples; other real ones when the floor is measured.
            subject: what is measured; ``why_not`` has accepted it.
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
