"""Provides the real samples: the whole dataset if it fits in memory, else the samples of the next steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.environment.devices import available_memory, gigabytes
from ganzoo.training.data import check_dataset
from ganzoo.training.data_order import batch_indices

MOST_STEPS = 10_000
"""Longer chunks do not make training faster."""
COPIES = 3
"""Memory of a streamed chunk, in copies: its array, its tensor, and the tensor of the previous chunk."""


class InputPipeline:
    """The samples of a dataset, in an order that depends only on the seed.

    Args:
        config: the experiment.
        dataset: the real samples, in memory or in a memory map.
        memory_limit: bytes that the samples may use; by default half of the memory that this process may still
            allocate, which leaves the other half to the networks. A larger dataset is streamed: it is read in parts
            during the training.

    Attributes:
        in_memory: the whole dataset is in memory.
        most_steps: maximum number of steps in one call of ``take``.
        streamed: a message, if the dataset is streamed because it does not fit in memory; else None.

    Raises:
        DataError: if the dataset does not match the config.
    """

    def __init__(self, config: Config, dataset: Dataset, *, memory_limit: int | None = None) -> None:
        check_dataset(config, dataset)
        self._seed = config.training.seed
        self._per_step = (config.training.d_steps, config.training.batch_size)
        self._samples = dataset.samples
        self._labels = np.zeros(len(dataset), np.int32) if dataset.labels is None else dataset.labels
        size, free = dataset.samples.nbytes, available_memory()
        limit = free // 2 if memory_limit is None else memory_limit
        self.in_memory = size <= limit
        self.streamed: str | None = None
        self.most_steps = MOST_STEPS
        if not self.in_memory:
            step = math.prod(self._per_step) * size // len(dataset)
            self.most_steps = max(1, min(MOST_STEPS, limit // COPIES // max(1, step)))
            self.streamed = (
                f"The samples need {gigabytes(size)} of memory, but this process may use only {gigabytes(free)}. "
                "They are read in parts during the training."
            )
            return
        self._tensors = tf.convert_to_tensor(np.asarray(self._samples)), tf.convert_to_tensor(self._labels)

    def take(self, *, first: int, steps: int) -> tuple[Any, Any, Any]:
        """Return samples, labels, and the indices of the steps from ``first``: int32 ``[steps, d_steps, batch]``."""
        indices = batch_indices(
            first=first, steps=steps, per_step=self._per_step, count=len(self._samples), seed=self._seed
        )
        if self.in_memory:
            return (*self._tensors, tf.convert_to_tensor(indices))
        needed, local = np.unique(indices, return_inverse=True)
        samples = tf.convert_to_tensor(np.ascontiguousarray(self._samples[needed]))
        local = local.reshape(indices.shape).astype(np.int32)
        return samples, tf.convert_to_tensor(self._labels[needed]), tf.convert_to_tensor(local)
