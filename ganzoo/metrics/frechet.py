"""Frechet distance between Gaussians fitted to real and generated features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.metrics.base import Better, Features, Metric, Subject, metrics

Moments = tuple[NDArray[np.float64], NDArray[np.float64]]


@metrics.register("frechet")
class Frechet(Metric):
    """Frechet distance of features (Heusel et al. 2017, arXiv:1706.08500, equation 6; with InceptionV3 it is the FID).

    It is biased upwards for small counts. Compare it with its floor, and only at equal counts.
    """

    also_known_as: ClassVar[tuple[str, ...]] = ("fid", "frechet_distance", "frechet_inception_distance")
    numbers: ClassVar[Mapping[str, Better]] = {"frechet": "lower"}
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"frechet": (0.0, math.inf)}
    canonical: ClassVar[str | None] = "FID"
    equal_counts: ClassVar[bool] = False

    def measure(self, real: Features, generated: Features, subject: Subject) -> dict[str, float]:
        return {"frechet": frechet_distance(moments(real.features), moments(generated.features))}


def moments(features: NDArray[np.float32]) -> Moments:
    """Mean ``[d]`` and unbiased covariance ``[d, d]``, float64, of features ``[n, d]`` with n of at least 2."""
    mean = features.mean(axis=0, dtype=np.float64)
    centered = features - mean
    return mean, centered.T @ centered / (len(features) - 1)


def frechet_distance(first: Moments, second: Moments) -> float:
    """``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1^1/2 S2 S1^1/2)^1/2)``, not below 0 (Dowson and Landau 1982).

    The product in the brackets is symmetric, so its eigenvalues are real and no general matrix root is needed; the
    trace is the same as with ``(S1 S2)^1/2``.
    """
    (mean1, cov1), (mean2, cov2) = first, second
    values, vectors = np.linalg.eigh(cov1)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    product = root @ cov2 @ root
    crossed = np.linalg.eigvalsh((product + product.T) / 2)
    trace = np.trace(cov1) + np.trace(cov2) - 2 * np.sqrt(np.clip(crossed, 0, None)).sum()
    return max(0.0, float(np.square(mean1 - mean2).sum() + trace))


def frechet_of_few(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """The distance of features ``[m, d]`` and ``[n, d]``, m and n of at least 2. It is fast for m, n below d, too.

    With centered features X / (m - 1)^1/2 and Y / (n - 1)^1/2, the trace of (S1 S2)^1/2 is the sum of the singular
    values of X Y^T ``[m, n]``, so no covariance ``[d, d]`` is needed.
    """
    if min(len(first), len(second)) >= first.shape[1]:
        return frechet_distance(moments(first), moments(second))
    means = [part.mean(axis=0, dtype=np.float64) for part in (first, second)]
    x, y = ((part - mean) / np.sqrt(len(part) - 1) for part, mean in zip((first, second), means, strict=True))
    crossed = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    spread = np.square(x).sum() + np.square(y).sum() - 2 * crossed
    return max(0.0, float(np.square(means[0] - means[1]).sum() + spread))
