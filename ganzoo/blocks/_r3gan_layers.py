"""The Keras layers of ``r3gan``. Importing this module imports Keras."""

from __future__ import annotations

import contextlib
import math
from functools import cache
from typing import Any

import keras
import tensorflow as tf
from keras import ops


class GroupedConv2D(keras.layers.Conv2D):
    """A convolution with stride 1 in groups of channels, which can be trained on every device and exported.

    Keras compiles a grouped convolution with XLA, which has no ONNX form. TensorFlow's own has no gradient on a CPU
    without oneDNN, as on macOS. There, in training, each group is one convolution, equal up to rounding.
    """

    def call(self, x: Any, training: bool = False) -> Any:
        kernel, padding = ops.cast(ops.convert_to_tensor(self.kernel), x.dtype), self.padding.upper()
        if self.groups == 1 or not training or grouped_gradients_work():
            y = tf.nn.conv2d(x, kernel, 1, padding)
        else:
            pairs = zip(tf.split(x, self.groups, -1), tf.split(kernel, self.groups, -1), strict=True)
            y = tf.concat([tf.nn.conv2d(part, own, 1, padding) for part, own in pairs], -1)
        return y if self.bias is None else y + ops.cast(ops.convert_to_tensor(self.bias), y.dtype)


@cache
def grouped_gradients_work() -> bool:
    """Whether TensorFlow can differentiate a grouped convolution here, from a tiny one."""
    with tf.init_scope(), contextlib.suppress(tf.errors.OpError):
        x, kernel = tf.ones([1, 2, 2, 4]), tf.ones([1, 1, 2, 4])
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = tf.nn.conv2d(x, kernel, 1, "SAME")
        tape.gradient(y, [x, kernel])
        return True
    return False


class Basis(keras.layers.Layer):
    """From a vector to a small image, by one learned image for each channel: ``[b, c] -> [b, height, width, c]``."""

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = (height, width)
        self.basis_initializer = keras.initializers.RandomNormal(stddev=1.0)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (*self.size, input_shape[-1])
        self.basis = self.add_weight(shape=shape, initializer=self.basis_initializer, name="basis")

    def call(self, x: Any) -> Any:
        return ops.reshape(x, (-1, 1, 1, x.shape[-1])) * ops.cast(ops.convert_to_tensor(self.basis), x.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *self.size, input_shape[-1])


class WeightedPooling(keras.layers.Layer):
    """Sum the pixels of each channel, with learned weights: ``[b, h, w, c] -> [b, c]``."""

    def build(self, input_shape: tuple[Any, ...]) -> None:
        _, height, width, channels = input_shape
        self.kernel_initializer = keras.initializers.RandomNormal(stddev=1.0 / math.sqrt(height * width))
        self.kernel = self.add_weight((height, width, channels), self.kernel_initializer, name="kernel")

    def call(self, x: Any) -> Any:
        return ops.sum(x * ops.cast(ops.convert_to_tensor(self.kernel), x.dtype), axis=(1, 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])
