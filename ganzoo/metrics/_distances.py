"""Euclidean distances, block by block, so that memory stays bounded whatever the counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 64 << 20
"""Of one block of distances."""

_NOTHING = 1e-12
"""A squared distance below this part of the squared lengths is rounding, and 0: ``|a|^2 - 2ab + |b|^2`` in float64 is
good to about 1e-13 of them."""


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of ``rows`` whose matrix with ``columns`` float64 columns takes up to ``BLOCK_BYTES``."""
    size = max(1, BLOCK_BYTES // (8 * max(1, columns)))
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))


def squared_distance_blocks(
    queries: NDArray[np.float32], points: NDArray[np.float32]
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Squared distances ``[block, len(points)]`` of some queries to all points, until every query had its turn."""
    center = points.mean(axis=0, dtype=np.float64)
    others = points - center
    lengths = np.einsum("nd,nd->n", others, others)
    for rows in row_blocks(len(queries), len(points)):
        block = queries[rows] - center
        scale = np.einsum("nd,nd->n", block, block)[:, None] + lengths
        squared = scale - 2.0 * (block @ others.T)
        squared[squared < _NOTHING * scale] = 0.0
        yield rows, squared


def neighbour_distances(
    queries: NDArray[np.float32], points: NDArray[np.float32], *, k: int = 1, skip_own: bool = False
) -> NDArray[np.float64]:
    """Distance of every query to its ``k``-th nearest point: float64 ``[len(queries)]``.

    Args:
        queries, points: float ``[n, d]`` and ``[m, d]``.
        k: from 1 to the number of points.
        skip_own: query i is point i, which is no neighbour of itself; ``k`` is below the number of points then.
    """
    out = np.empty(len(queries))
    for rows, squared in squared_distance_blocks(queries, points):
        if skip_own:
            squared[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = np.inf
        nearest = squared.min(axis=1) if k == 1 else np.partition(squared, k - 1, axis=1)[:, k - 1]
        out[rows] = np.sqrt(nearest)
    return out
