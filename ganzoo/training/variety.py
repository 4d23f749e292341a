"""How varied a small batch is beside a real one: duplicates and recall. Pure NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.sample_spec import SampleSpec

SIDE = 8
"""Images are averaged down to so many pixels a side: collapse is coarse, and fine detail only adds noise."""
COUNTS = {"image": 64, "vector": 256}
"""Samples that are looked at; the preview has at least as many."""
FEWEST = 16
"""With fewer real samples a rate says nothing."""
NEAREST = {"image": 5, "vector": 16}
"""Which neighbour sets the reach of a generated sample. Vectors have more: there a reach is small within a mode."""

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Variety:
    """What was measured, all shares from 0 to 1.

    Attributes:
        duplicates: generated samples that have a near copy in their own batch.
        real_duplicates: the same of as many real samples.
        recall: real samples that lie within reach of a generated one.
        real_recall: the floor: real samples within reach of as many other real ones.
    """

    duplicates: float
    real_duplicates: float
    recall: float
    real_recall: float


class Yardstick:
    """Real samples that generated ones are measured by.

    A sample is a duplicate if its nearest neighbour is nearer than half of what the nearest 5% of the real samples
    have. Recall is that of Kynkäänniemi et al. 2019 (arXiv:1904.06991), on averaged-down pixels or on the vectors.

    Args:
        samples: real samples, uint8 or float32 images ``[n, h, w, c]`` or vectors ``[n, d]``. Half of them are the
            yardstick, the other half is measured for the floor. At least ``2 * FEWEST``.
    """

    def __init__(self, samples: NDArray[Any]) -> None:
        kind = SampleSpec.of(samples).kind
        self.count = min(len(samples) // 2, COUNTS[kind])
        self._nearest = min(NEAREST[kind], self.count - 1)
        every = features(samples)
        self._real, other = every[: self.count], every[self.count : 2 * self.count]
        nearest = _to_nearest(self._real)
        scale = float(np.sqrt(np.var(self._real, axis=0).sum()))
        self._near = max(0.5 * float(np.quantile(nearest, 0.05)), 1e-6 * scale)
        self._real_duplicates = float(np.mean(nearest <= self._near))
        self._real_recall = self._recall(other)

    def measure(self, samples: NDArray[Any]) -> Variety:
        """Compare generated samples, in the form of the real ones, with the real ones. Takes the first ``count``."""
        made = features(samples[: self.count])
        duplicates = float(np.mean(_to_nearest(made) <= self._near))
        return Variety(duplicates, self._real_duplicates, self._recall(made), self._real_recall)

    def _recall(self, made: Features) -> float:
        """Share of the yardstick that lies within the reach of a generated sample."""
        reach = np.sort(_distances(made, made), axis=1)[:, self._nearest]  # column 0 is the sample itself
        return float(np.mean((_distances(self._real, made) <= reach).any(axis=1)))


def features(samples: NDArray[Any]) -> Features:
    """Samples as rows ``[n, d]``: images in [-1, 1], averaged down to ``SIDE`` pixels a side; vectors as they are."""
    if not SampleSpec.of(samples).is_image:
        return samples.astype(np.float64)
    values: NDArray[Any] = samples.astype(np.float64)
    if samples.dtype == np.uint8:
        values = values / 127.5 - 1.0
    if values.shape[3] == 4:  # a colour counts as much as it is seen, and what is unseen is white
        alpha = (values[..., 3:] + 1) / 2
        values = np.concatenate([values[..., :3] * alpha + (1 - alpha), values[..., 3:]], axis=3)
    for axis in (1, 2):
        size = values.shape[axis]
        edges = np.linspace(0, size, min(SIDE, size) + 1).astype(int)
        shape = [-1 if place == axis else 1 for place in range(4)]
        values = np.add.reduceat(values, edges[:-1], axis=axis) / np.diff(edges).reshape(shape)
    return values.reshape(len(values), -1)


def _distances(first: Features, second: Features) -> Features:
    """Euclidean distance of every row to every row. By differences: products would lose near copies to rounding."""
    return np.sqrt(np.square(first[:, None] - second[None]).sum(axis=2))


def _to_nearest(rows: Features) -> Features:
    """Distance of each row to its nearest other."""
    distances = _distances(rows, rows)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1)
