"""The Keras layer of ``palette_head``. Importing this module imports Keras."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Mixture(keras.layers.Layer):
    """Shares ``[b, h, w, n]`` and colors ``[b, n, c]`` -> ``[b, h, w, c]``: the sum of the colors by their shares."""

    def call(self, inputs: Any) -> Any:
        shares, colors = inputs
        height, width, count = shares.shape[1:]
        pixels = ops.matmul(ops.reshape(shares, (-1, height * width, count)), colors)
        return ops.reshape(pixels, (-1, height, width, colors.shape[-1]))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shares, colors = input_shape
        return (*shares[:-1], colors[-1])
