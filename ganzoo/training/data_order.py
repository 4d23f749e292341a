"""Which samples each step sees: fixed by the seed and the step alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def batch_indices(*, first: int, steps: int, per_step: tuple[int, int], count: int, seed: int) -> NDArray[np.int32]:
    """Indices of the real samples of some steps: int32 ``[steps, d_steps, batch]``.

    The data is gone through in epochs, each in an order of its own, without leaving out a remainder.

    Args:
        first: number of the first step.
        steps: how many steps.
        per_step: ``(d_steps, batch)``.
        count: samples in the dataset.
        seed: of the training.
    """
    size = per_step[0] * per_step[1]
    positions = np.arange(first * size, (first + steps) * size, dtype=np.int64)
    epochs, places = np.divmod(positions, count)
    indices = np.empty(len(positions), np.int32)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        indices[here] = _order(int(epoch), count, seed)[places[here]]
    return indices.reshape(steps, *per_step)


@lru_cache(maxsize=2)
def _order(epoch: int, count: int, seed: int) -> NDArray[np.int32]:
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
    return generator.permutation(count).astype(np.int32)
