"""Kernel distance: an unbiased estimate of the maximum mean discrepancy of features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.metrics._distances import row_blocks
from ganzoo.metrics.base import Better, Features, Metric, Subject, metrics


@metrics.register("kernel")
class Kernel(Metric):
    """Unbiased MMD^2 with the kernel (x.y/d + 1)^3 (Binkowski et al. 2018, arXiv:1801.01401; with InceptionV3 the KID).

    It is 0 on average for samples of the same distribution, and can be slightly negative.
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("kid", "mmd", "kernel_inception_distance")
    numbers: ClassVar[Mapping[str, Better]] = {"kernel": "lower"}
    canonical: ClassVar[str | None] = "KID"
    equal_counts: ClassVar[bool] = False

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        return {"kernel": squared_mmd(real.features, generated.features)}


def squared_mmd(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """The estimate of Gretton et al. 2012 (JMLR 13, equation 3) for features ``[m, d]`` and ``[n, d]``, m, n > 1."""
    m, n = len(x), len(y)
    within_x = (_kernel_sum(x, x) - _diagonal_sum(x)) / (m * (m - 1))
    within_y = (_kernel_sum(y, y) - _diagonal_sum(y)) / (n * (n - 1))
    return within_x + within_y - 2 * _kernel_sum(x, y) / (m * n)


def _kernel_sum(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Sum of the kernel over all pairs."""
    other = y.astype(np.float64).T / x.shape[1]
    return float(sum(((x[rows] @ other + 1) ** 3).sum() for rows in row_blocks(len(x), len(y))))


def _diagonal_sum(x: NDArray[np.float32]) -> float:
    """Sum of the kernel of every sample with itself."""
    exact = x.astype(np.float64)
    return float(((np.einsum("nd,nd->n", exact, exact) / x.shape[1] + 1) ** 3).sum())
