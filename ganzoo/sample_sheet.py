"""Samples of any kind as one picture: images in a grid, vectors as points."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo import images

IMAGES, POINTS = 64, 2500
"""Samples in one picture; a few points show nothing."""


def picture(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Samples as one picture, uint8 ``[h, w, c]``: images in a grid, vectors as points of their first two values.

    Args:
        samples: images ``[n, h, w, c]``, uint8 or float32 in [-1, 1], or vectors ``[n, d]``.
    """
    if samples.ndim == 4:
        return images.grid(samples if samples.dtype == np.uint8 else images.to_uint8(samples), separator=1)
    return points(samples[:, :2])


def random_samples(samples: NDArray[Any], *, count: int = IMAGES, seed: int = 0) -> NDArray[Any]:
    """A few samples of a dataset, drawn at random and kept in order: ``count`` images, or 2500 vectors.

    Every so-many-th would not do: labels go in turn in some datasets, and whole classes could be missed.
    """
    wanted = min(len(samples), count if samples.ndim == 4 else POINTS)
    return np.array(samples[sorted(random.Random(seed).sample(range(len(samples)), wanted))])


def points(samples: NDArray[np.floating], *, size: int = 384) -> NDArray[np.uint8]:
    """A picture of points ``[n, 2]``: a square around the origin that holds 99% of them, darker where they are many."""
    samples = np.nan_to_num(samples[:, :2] if samples.shape[1] > 1 else np.repeat(samples, 2, axis=1))
    reach = max(1e-6, 1.2 * float(np.quantile(np.abs(samples), 0.99)))
    counts, _, _ = np.histogram2d(-samples[:, 1], samples[:, 0], bins=size, range=[[-reach, reach]] * 2)
    shade = 255 * (1 - np.minimum(1, counts / 2))
    return np.repeat(shade.astype(np.uint8)[..., None], 3, axis=2)
