"""The layers of StyleGAN2's blocks. Importing this module imports Keras, so blocks import it inside ``build``."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from ganzoo.blocks._keras_layers import Upsampling
from ganzoo.blocks.fields import Interpolation

_EPSILON = 1e-8
_BLUR = np.array([1.0, 3.0, 3.0, 1.0], np.float32) / 8.0


class ModulatedConv2D(keras.layers.Conv2D):
    """A convolution whose weights are scaled for each sample (Karras et al. 2020, arXiv:1912.04958, section 2.2).

    Takes ``[x, scale]``, ``[b, h, w, c]`` and ``[b, c]``, and returns ``[b, h, w, filters]``, or twice the size.
    Instead of the weights of each sample it scales its input (equation 1) and its output (equation 3), which is equal
    (appendix B) and leaves one ordinary convolution for the whole batch. A batch of one ``x`` serves every ``scale``.

    Args:
        filters, kernel_size: as in ``Conv2D``.
        demodulate: scale the weights of each sample and filter to a norm of ``gain``, computed in float32.
        gain: standard deviation of the output before the bias, for independent inputs of unit variance.
        enlarge: double the scaled input by this interpolation before the convolution.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        demodulate: bool = True,
        gain: float = 1.0,
        enlarge: Interpolation | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, padding="same", autocast=False, **kwargs)
        self.input_spec = None  # that of Conv2D allows one input
        self.demodulate = demodulate
        self.gain = gain
        self.enlarge = enlarge and Upsampling(interpolation=enlarge, dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        super().build(input_shape[0])
        self.input_spec = None

    def call(self, inputs: Any, training: bool = False) -> Any:
        x, scale = inputs
        kernel = ops.convert_to_tensor(self.kernel)
        scale = ops.cast(scale, "float32")
        dtype = self.compute_dtype
        x = ops.cast(x, dtype) * ops.cast(_at_pixels(scale), dtype)
        if self.enlarge:
            x = self.enlarge(x, training=training)
        y = ops.conv(x, ops.cast(kernel, dtype), padding="same")
        if self.demodulate:
            squares = ops.matmul(ops.square(scale), ops.sum(ops.square(kernel), axis=(0, 1)))
            y = y * ops.cast(_at_pixels(self.gain * ops.rsqrt(squares + _EPSILON)), dtype)
        return y if self.bias is None else y + ops.cast(ops.convert_to_tensor(self.bias), dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        if not isinstance(input_shape[0], tuple | list):  # from Conv2D.build, which knows one input
            return (*input_shape[:-1], self.filters)
        factor = 2 if self.enlarge else 1
        return (input_shape[1][0], *(factor * side for side in input_shape[0][1:-1]), self.filters)


class Constant(keras.layers.Layer):
    """A learned image: any tensor -> ``[1, *shape]``. It starts as standard normal noise."""

    def __init__(self, shape: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = shape
        self.value_initializer = keras.initializers.RandomNormal(stddev=1.0)

    def build(self, input_shape: Any) -> None:
        self.value = self.add_weight(shape=(1, *self.shape), initializer=self.value_initializer, name="value")

    def call(self, x: Any) -> Any:
        return ops.cast(ops.convert_to_tensor(self.value), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (1, *self.shape)


class Blur(keras.layers.Layer):
    """Smooth with the binomial filter [1, 3, 3, 1] in both directions: ``[b, h, w, c] -> [b, h', w', c]``.

    Args:
        pad: pixels of zeros that are added on every side.
        stride: 2 halves the size.
    """

    def __init__(self, *, pad: int, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pad = pad
        self.stride = stride

    def call(self, x: Any) -> Any:
        x = ops.pad(x, ((0, 0), (self.pad, self.pad), (self.pad, self.pad), (0, 0)))
        kernel = np.tile(np.outer(_BLUR, _BLUR)[:, :, None, None], (1, 1, x.shape[-1], 1))
        return ops.depthwise_conv(x, ops.cast(kernel, x.dtype), strides=self.stride, padding="valid")

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[int | None, ...]:
        batch, *size, channels = input_shape
        return (batch, *((side + 2 * self.pad - 4) // self.stride + 1 for side in size), channels)


def _at_pixels(values: Any) -> Any:
    """``[b, c] -> [b, 1, 1, c]``."""
    return ops.reshape(values, (-1, 1, 1, values.shape[-1]))
