"""Compares the variety of a small generated batch with real samples: duplicates and recall. Pure NumPy."""

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
"""Which neighbor sets the reach of a generated sample. Vectors have more: there a reach is small within a mode."""
_PART = 8
"""Images that are averaged down at a time: as float64, an image of 1024 px has 25 MB."""

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Variety:
    """The measured variety. All values are shares from 0 to 1.

    Attributes:
        duplicates: share of generated samples with a near copy in their batch.
        real_duplicates: the same share for an equal number of real samples.
        recall: share of real samples within the radius of a generated sample.
        real_recall: the floor: the recall of an equal number of other real samples.
    """

    duplicates: float
    real_duplicates: float
    recall: float
    real_recall: float


class Yardstick:
    """The real samples that generated samples are compared with.

    A sample is a duplicate if the distance to its nearest neighbor is below half of the 5% quantile of this distance
    among real samples. Recall follows Kynkäänniemi et al. 2019 (arXiv:1904.06991), on averaged-down pixels or on the
    vectors.

    Args:
        samples: at least ``2 * FEWEST`` real samples, uint8 or float32 images ``[n, h, w, c]`` or vectors ``[n, d]``.
            The first half is the yardstick; the other half is measured for the floor.
    """

    def __init__(self, samples: NDArray[Any]) -> None:
        kind = SampleSpec.of(samples).kind
        self.count = min(len(samples) // 2, COUNTS[kind])
        self._nearest = min(NEAREST[kind], self.count - 1)
        rows = features(samples)
        self._real, other = rows[: self.count], rows[self.count : 2 * self.count]
        nearest = to_nearest(self._real)
        self._near = copy_distance(self._real, nearest)
        self._real_duplicates = float(np.mean(nearest <= self._near))
        self._real_recall = self._recall(other)

    def measure(self, samples: NDArray[Any]) -> Variety:
        """Compare the first ``count`` generated samples with the real ones. Both must have the same form."""
        generated = features(samples[: self.count])
        duplicates = float(np.mean(to_nearest(generated) <= self._near))
        return Variety(duplicates, self._real_duplicates, self._recall(generated), self._real_recall)

    def _recall(self, generated: Features) -> float:
        """Return the share of the yardstick within the radius of a generated sample."""
        radius = np.sort(_distances(generated, generated), axis=1)[:, self._nearest]  # column 0 is the sample itself
        return float(np.mean((_distances(self._real, generated) <= radius).any(axis=1)))


def features(samples: NDArray[Any]) -> Features:
    """Samples as rows ``[n, d]``: images in [-1, 1], averaged down to ``SIDE`` pixels a side; vectors as they are."""
    if not SampleSpec.of(samples).is_image:
        return samples.astype(np.float64)
    parts = [_averaged(samples[start : start + _PART]) for start in range(0, len(samples), _PART)]
    return np.concatenate(parts)


def _averaged(images: NDArray[Any]) -> Features:
    values: NDArray[Any] = images.astype(np.float64)
    if images.dtype == np.uint8:
        values = values / 127.5 - 1.0
    if values.shape[3] == 4:  # composite on white, so that invisible colors do not count
        alpha = (values[..., 3:] + 1) / 2
        values = np.concatenate([values[..., :3] * alpha + (1 - alpha), values[..., 3:]], axis=3)
    for axis in (1, 2):
        size = values.shape[axis]
        edges = np.linspace(0, size, min(SIDE, size) + 1).astype(int)
        shape = [-1 if index == axis else 1 for index in range(4)]
        values = np.add.reduceat(values, edges[:-1], axis=axis) / np.diff(edges).reshape(shape)
    return values.reshape(len(values), -1)


def _distances(first: Features, second: Features) -> Features:
    """Return the Euclidean distances of all rows, from differences: rounding of products would hide near copies."""
    return np.stack([np.sqrt(np.square(row - second).sum(axis=1)) for row in first])


def copy_distance(rows: Features, nearest: Features) -> float:
    """The distance below which samples are near copies, from real samples and the distances to their nearest one."""
    scale = float(np.sqrt(np.var(rows, axis=0).sum()))
    return max(0.5 * float(np.quantile(nearest, 0.05)), 1e-6 * scale)


def to_nearest(rows: Features) -> Features:
    """Return the distance of each row to its nearest neighbor."""
    distances = _distances(rows, rows)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1)
