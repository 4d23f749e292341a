"""A picture of real samples as the networks see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.base import Dataset, DataSource
from ganzoo.sample_sheet import draw_samples, random_samples


def preview_picture(source: DataSource, dataset: Dataset, *, count: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """A picture of random samples, uint8 ``[h, w, c]``. Half of them are mirrored if the source mirrors its images."""
    chosen = random_samples(dataset.samples, count=count, seed=seed)
    if source.mirrored:
        mirrored = np.random.RandomState(seed).random_sample(len(chosen)) < 0.5
        chosen[mirrored] = chosen[mirrored, :, ::-1]
    return draw_samples(chosen)
