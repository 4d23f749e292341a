"""Euclidean distances, computed in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 64 << 20
"""Size of one block of distances."""

_NOTHING = 1e-12
"""Squared distances below this fraction of the squared lengths are rounded to 0: the relative error of
``|a|^2 - 2ab + |b|^2`` in float64 is about 1e-13."""


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of ``rows``, each for a float64 matrix with ``columns`` columns of at most ``BLOCK_BYTES``."""
    size = max(1, BLOCK_BYTES // (8 * max(1, columns)))
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))


def squared_distance_blocks(
    queries: NDArray[np.float32], points: NDArray[np.float32], *, center: NDArray[np.float64] | None = None
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Yield the rows of a block of queries, and their squared distances ``[block, len(points)]`` to all points.

    ``center`` is near the points, which makes the distances exact; by default it is their mean.
    """
    center = points.mean(axis=0, dtype=np.float64) if center is None else center
    others = points - center
    lengths = np.einsum("nd,nd->n", others, others)
    for rows in row_blocks(len(queries), len(points)):
        block = queries[rows] - center
        scale = np.einsum("nd,nd->n", block, block)[:, None] + lengths
        squared = scale - 2.0 * (block @ others.T)
        squared[squared < _NOTHING * scale] = 0.0
        yield rows, squared


def neighbor_distances(
    queries: NDArray[np.float32], points: NDArray[np.float32], *, k: int = 1, skip_own: bool = False
) -> NDArray[np.float64]:
    """Distance of every query to its ``k``-th nearest point: float64 ``[len(queries)]``.

    Args:
        queries, points: float ``[n, d]`` and ``[m, d]``.
        k: from 1 to the number of points.
        skip_own: query i is point i, which does not count as its own neighbor; then k is below the number of points.
    """
    center = points.mean(axis=0, dtype=np.float64)
    nearest = np.full((len(queries), k), np.inf)
    for part in row_blocks(len(points), points.shape[1]):
        for rows, squared in squared_distance_blocks(queries, points[part], center=center):
            if skip_own:
                own = np.arange(max(rows.start, part.start), min(rows.stop, part.stop))
                squared[own - rows.start, own - part.start] = np.inf
            if k == 1:
                nearest[rows] = np.minimum(nearest[rows], squared.min(axis=1, keepdims=True))
            else:
                nearest[rows] = np.partition(np.concatenate([nearest[rows], squared], axis=1), k - 1, axis=1)[:, :k]
    farthest: NDArray[np.float64] = nearest.max(axis=1)
    return np.sqrt(farthest)
