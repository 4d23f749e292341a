"""Provides the real samples: the whole dataset if it fits in memory, else the samples of the next steps."""

from __future__ import annotations

import math
import mmap
from typing import Any, Self

import numpy as np
import tensorflow as tf
from numpy.typing import DTypeLike, NDArray

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset
from ganzoo.data.reading.rows import Rows
from ganzoo.environment.devices import available_memory
from ganzoo.environment.quantities import bytes_text
from ganzoo.training.data import check_dataset
from ganzoo.training.data_order import batch_indices
from ganzoo.training.prefetch import Prefetch

MOST_STEPS = 10_000
"""Longer chunks do not make training faster."""
PART_BYTES = 8 << 20
"""Size of the parts that are read ahead. The disk gets all requests of a part at once."""
HOST = "CPU:0"
"""The device of the samples."""


class InputPipeline:
    """The samples of a dataset, in an order that depends only on the seed.

    A dataset that fits in memory is there as a whole. A larger one is streamed: a background thread reads the samples
    of the next steps while the device works. Use it as a context manager, which ends the thread.

    The samples are in the memory of the host, also if a GPU trains: TensorFlow cannot gather uint8 on a GPU, so each
    batch is gathered by the host and copied, 1.6 MB for 128 images of 64 px.

    Args:
        config: the experiment.
        dataset: the real samples, in memory or in a memory map.
        memory_limit: bytes that the samples may use; by default half of the memory that this process may still
            allocate, which leaves the other half to the networks. A larger dataset is streamed.
        share: the part of each batch that this process trains on; by default the whole batch. Of a streamed dataset,
            only the samples of the share are read.

    Attributes:
        size: bytes of all samples.
        in_memory: the whole dataset is in memory.
        most_steps: maximum number of steps in one call of ``take``.
        streamed: a message, if the dataset is streamed because it does not fit in memory; else None.

    Raises:
        DataError: if the dataset does not match the config.
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        *,
        memory_limit: int | None = None,
        share: slice = slice(None),
    ) -> None:
        check_dataset(config, dataset)
        training = config.training
        self._seed = training.seed
        self._per_step = (training.d_steps, training.batch_size)
        self._share = share
        self._samples = dataset.samples
        self._labels = np.zeros(len(dataset), np.int32) if dataset.labels is None else dataset.labels
        self.size = size = dataset.samples.nbytes
        free = available_memory()
        limit = free // 2 if memory_limit is None else memory_limit
        self.in_memory = size <= limit
        self.streamed: str | None = None
        self.most_steps = MOST_STEPS
        if self.in_memory:
            with tf.device(HOST):
                self._tensors = tf.convert_to_tensor(np.asarray(self._samples)), tf.convert_to_tensor(self._labels)
            return
        self._shared = len(range(*share.indices(training.batch_size)))
        step = max(1, training.d_steps * self._shared * size // len(dataset))
        room = min(3 * MOST_STEPS, limit // step)
        self._part = max(1, min(room // 16, PART_BYTES // step))
        places = max(2, room // self._part)
        self._prefetch = Prefetch(self._read, part=self._part, places=places, last=training.steps)
        self.most_steps = self._prefetch.most_steps
        rows = places * self._part * training.d_steps * self._shared
        self._rows = Rows(self._samples)
        self._memory = (
            _shared_array((rows, *self._samples.shape[1:]), self._samples.dtype),
            _shared_array((rows,), "i4"),
        )
        self._tensors = tuple(tf.experimental.dlpack.from_dlpack(array.__dlpack__()) for array in self._memory)
        self.streamed = (
            f"The samples need {bytes_text(size)} of memory, but this process may use only {bytes_text(free)}. "
            "They are read in parts during the training."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if not self.in_memory:
            self._prefetch.close()

    def take(self, *, first: int, steps: int) -> tuple[Any, Any, Any]:
        """Return samples, labels, and the indices of the steps from ``first``: int32 ``[steps, d_steps, batch]``.

        Streamed samples are valid until the next call, because the memory is used again. Their indices are 0 outside of
        the share.

        Raises:
            DataError: if the samples cannot be read.
        """
        if self.in_memory:
            return (*self._tensors, tf.convert_to_tensor(self._order(first, steps)))
        places = [
            np.arange(piece.place * self._part + piece.start, piece.place * self._part + piece.stop)
            for piece in self._prefetch.take(first=first, steps=steps)
        ]
        in_step = np.arange(self._per_step[0] * self._shared).reshape(1, self._per_step[0], self._shared)
        indices = np.zeros((steps, *self._per_step), np.int32)
        indices[:, :, self._share] = np.concatenate(places)[:, None, None] * in_step.size + in_step
        return (*self._tensors, tf.convert_to_tensor(indices))

    def _read(self, first: int, place: int) -> None:
        """Read the share of the steps of a part, step by step."""
        needed = self._order(first, self._part)[:, :, self._share].ravel()
        samples, labels = (array[place * len(needed) : (place + 1) * len(needed)] for array in self._memory)
        self._rows.gather(needed, samples)
        labels[:] = self._labels[needed]

    def _order(self, first: int, steps: int) -> NDArray[np.int32]:
        return batch_indices(
            first=first, steps=steps, per_step=self._per_step, count=len(self._samples), seed=self._seed
        )


def _shared_array(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array whose memory a tensor can share: page-aligned. Its pages take no memory before they are written."""
    return np.ndarray(shape, dtype, buffer=mmap.mmap(-1, math.prod(shape) * np.dtype(dtype).itemsize))
