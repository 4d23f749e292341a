"""Keras layers that Keras does not have. Importing this file imports Keras; blocks do so when they build."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class MinibatchStddev(keras.layers.Layer):
    """Append one channel: the standard deviation over a group of samples, averaged over all features."""

    def __init__(self, group_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_size = group_size

    def call(self, x: Any) -> Any:
        batch = ops.shape(x)[0]
        group = ops.where(ops.equal(batch % self.group_size, 0), self.group_size, batch)
        grouped = ops.cast(ops.reshape(x, (group, -1, *x.shape[1:])), "float32")
        stddev = ops.sqrt(ops.var(grouped, axis=0) + 1e-8)
        stddev = ops.mean(stddev, axis=tuple(range(1, len(x.shape))))
        feature = ops.reshape(ops.tile(stddev, (group,)), (-1, *[1] * (len(x.shape) - 1)))
        feature = ops.cast(ops.broadcast_to(feature, (batch, *x.shape[1:-1], 1)), x.dtype)
        return ops.concatenate([x, feature], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], input_shape[-1] + 1)  # type: ignore[operator]


class Packing(keras.layers.Layer):
    """Lay the channels of ``samples`` neighbouring samples side by side."""

    def __init__(self, samples: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.samples = samples

    def call(self, x: Any) -> Any:
        rank = len(x.shape)
        x = ops.reshape(x, (-1, self.samples, *x.shape[1:]))
        x = ops.transpose(x, (0, *range(2, rank), 1, rank))
        return ops.reshape(x, (-1, *x.shape[1:-2], x.shape[-2] * x.shape[-1]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], input_shape[-1] * self.samples)  # type: ignore[operator]
