"""The order of the real samples. The samples of a step depend only on the seed and the step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def batch_indices(*, first: int, steps: int, per_step: tuple[int, int], count: int, seed: int) -> NDArray[np.int32]:
    """Return the indices of the real samples of some steps: int32 ``[steps, d_steps, batch]``.

    Each epoch shuffles the data again. An epoch's last samples are not dropped if they do not fill a batch.

    Args:
        first: index of the first step.
        steps: number of steps.
        per_step: ``(d_steps, batch)``.
        count: number of samples in the dataset.
        seed: the training's seed.
    """
    size = per_step[0] * per_step[1]
    positions = np.arange(first * size, (first + steps) * size, dtype=np.int64)
    epochs, offsets = np.divmod(positions, count)
    indices = np.empty(len(positions), np.int32)
    for epoch in np.unique(epochs):
        in_epoch = epochs == epoch
        indices[in_epoch] = _order(int(epoch), count, seed)[offsets[in_epoch]]
    return indices.reshape(steps, *per_step)


@lru_cache(maxsize=2)
def _order(epoch: int, count: int, seed: int) -> NDArray[np.int32]:
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
    return generator.permutation(count).astype(np.int32)
