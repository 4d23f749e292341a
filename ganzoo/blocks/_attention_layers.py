"""The Keras layers of ``self_attention``. Importing this module imports Keras."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Attention(keras.layers.Layer):
    """Queries and keys ``[b, n, k]``, values ``[b, n, v]`` -> ``[b, n, v]``: for each query a mean of the values.

    The weights are the softmax of the inner products of the query with all keys, in float32.
    """

    def call(self, inputs: Any) -> Any:
        queries, keys, values = inputs
        products = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
        weights = ops.softmax(ops.cast(products, "float32"), axis=-1)
        return ops.matmul(ops.cast(weights, values.dtype), values)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape[2])


class Gate(keras.layers.Layer):
    """``x + gamma * y``, with one learned ``gamma`` that starts at zero."""

    def build(self, input_shape: Any) -> None:
        self.gamma = self.add_weight(shape=(1,), initializer="zeros", name="gamma")

    def call(self, inputs: Any) -> Any:
        x, y = inputs
        return x + ops.cast(ops.convert_to_tensor(self.gamma), y.dtype) * y

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape[0])
