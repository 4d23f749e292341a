"""Layers that Keras lacks. Importing this module imports Keras, so blocks import it inside ``build``."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ganzoo import replicas
from ganzoo.blocks import _calling


class MinibatchStddev(keras.layers.Layer):
    """Append the standard deviation over a group of samples, in ``num_channels`` channels.

    Each channel is the mean over all pixels and an equal part of the features.
    """

    def __init__(self, group_size: int, num_channels: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group_size = group_size
        self.num_channels = num_channels

    def call(self, x: Any) -> Any:
        whole = replicas.whole_batch(x)
        batch = ops.shape(whole)[0]
        group = ops.where(ops.equal(batch % self.group_size, 0), self.group_size, batch)
        grouped = ops.cast(ops.reshape(whole, (group, -1, *x.shape[1:])), "float32")
        means = _means_of_parts(ops.var(grouped, axis=0), x.shape, self.num_channels)
        return _with_channels(x, replicas.share(ops.tile(means, (group, 1))))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], input_shape[-1] + self.num_channels)


class ClassStddev(keras.layers.Layer):
    """Append the standard deviation over the samples of the same class, in channels like those of ``MinibatchStddev``.

    Takes ``[x, label]`` with int labels ``[b]``. The only sample of a class has a standard deviation of zero.
    """

    def __init__(self, num_classes: int, num_channels: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.num_channels = num_channels

    def call(self, inputs: Any) -> Any:
        x, label = inputs
        rows = replicas.whole_batch(ops.cast(ops.reshape(x, (-1, math.prod(x.shape[1:]))), "float32"))
        members = replicas.whole_batch(ops.one_hot(label, self.num_classes, dtype="float32"))
        count = ops.maximum(ops.sum(members, axis=0), 1.0)[:, None]
        means = ops.matmul(ops.transpose(members), rows) / count
        squares = ops.square(rows - ops.matmul(members, means))
        variance = ops.matmul(ops.transpose(members), squares) / count
        return _with_channels(x, ops.take(_means_of_parts(variance, x.shape, self.num_channels), label, axis=0))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shape = tuple(input_shape[0])
        return (*shape[:-1], shape[-1] + self.num_channels)


def _means_of_parts(variance: Any, shape: tuple[Any, ...], parts: int) -> Any:
    """Standard deviations ``[n, parts]`` from the variances of ``n`` groups of samples ``[b, ..., c]``.

    Each is the mean over all pixels and an equal part of the channels.
    """
    *size, channels = shape[1:]
    stddev = ops.reshape(ops.sqrt(variance + 1e-8), (-1, math.prod(size), parts, channels // parts))
    return ops.mean(stddev, axis=(1, 3))


def _with_channels(x: Any, values: Any) -> Any:
    """``x`` with ``n`` more channels, which hold the values ``[b, n]`` of each sample at every pixel."""
    more = ops.reshape(values, (-1, *[1] * (len(x.shape) - 2), values.shape[-1]))
    more = ops.cast(ops.broadcast_to(more, (*ops.shape(x)[:-1], values.shape[-1])), x.dtype)
    return ops.concatenate([x, more], axis=-1)


class Packing(keras.layers.Layer):
    """Concatenate the channels of ``samples`` neighboring samples."""

    def __init__(self, samples: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.samples = samples

    def call(self, x: Any) -> Any:
        rank = len(x.shape)
        x = ops.reshape(x, (-1, self.samples, *x.shape[1:]))
        x = ops.transpose(x, (0, *range(2, rank), 1, rank))
        return ops.reshape(x, (-1, *x.shape[1:-2], x.shape[-2] * x.shape[-1]))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], input_shape[-1] * self.samples)


class ChannelwiseConv2D(keras.layers.Conv2D):
    """Apply the same convolution to each channel separately: ``[b, h, w, c] -> [b, h', w', c * filters]``."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build((*input_shape[:-1], 1))
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: input_shape[-1]})

    def call(self, x: Any) -> Any:
        height, width, channels = x.shape[1:]
        x = ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (-1, height, width, 1))
        x = super().call(x)
        height, width, filters = x.shape[1:]
        x = ops.transpose(ops.reshape(x, (-1, channels, height, width, filters)), (0, 2, 3, 1, 4))
        return ops.reshape(x, (-1, height, width, channels * filters))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        *size, filters = super().compute_output_shape((*input_shape[:-1], 1))
        return (*size, input_shape[-1] * filters)


class ClassAffine(keras.layers.Layer):
    """Scale and shift each channel, with a scale and an offset for each class.

    After a batch normalization it makes that conditional (Dumoulin et al. 2017, arXiv:1610.07629). Takes ``[x, label]``
    with int labels ``[b]``.
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes

    def build(self, input_shape: Any) -> None:
        shape = (self.num_classes, input_shape[0][-1])
        self.scale = self.add_weight(shape=shape, initializer="ones", name="scale")
        self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset")

    def call(self, inputs: Any) -> Any:
        x, label = inputs
        channels = (-1, *[1] * (len(x.shape) - 2), x.shape[-1])
        scale, offset = (ops.reshape(ops.take(table, label, axis=0), channels) for table in (self.scale, self.offset))
        return x * ops.cast(scale, x.dtype) + ops.cast(offset, x.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape[0])


class Modulate(keras.layers.Layer):
    """Scale and shift each channel of each sample: ``[b, ..., c]`` and ``[b, 2 * c]`` -> ``[b, ..., c]``.

    The first half of the second input is added to a scale of one, the second half is the offset.
    """

    def call(self, inputs: Any) -> Any:
        x, affine = inputs
        width = x.shape[-1]
        channels = (-1, *[1] * (len(x.shape) - 2), width)
        affine = ops.cast(affine, x.dtype)
        scale, offset = ops.reshape(affine[:, :width], channels), ops.reshape(affine[:, width:], channels)
        return x * (1.0 + scale) + offset

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return tuple(input_shape[0])


class Upsampling(keras.layers.UpSampling2D):
    """Double height and width. Outside of training, nearest neighbors are one operation, which is ONNX's ``Resize``.

    Keras repeats rows and columns, which a converter turns into a dozen operations. In training the repeats are faster:
    XLA compiles the one operation to a convolution, which takes twice as long, and has no gradient for it.
    """

    def call(self, x: Any, training: bool = False) -> Any:
        if training or self.interpolation != "nearest":
            return super().call(x)
        height, width = x.shape[1:3]
        # tf.image.resize gives the same values, but exports a rounding mode that ONNX has deprecated.
        return tf.raw_ops.ResizeNearestNeighbor(images=x, size=(2 * height, 2 * width))


class UpsamplingConv2D(keras.layers.Conv2D):
    """Repeat each pixel in a square of four, then convolve with stride 1: ``[b, h, w, c] -> [b, 2h, 2w, filters]``.

    In training both are one transposed convolution. Its kernel is the sum of four shifted copies of the layer's kernel,
    so a kernel of 3 x 3 takes 4 / 9 of the multiplications. The result is equal up to rounding. Outside of training the
    layer is ONNX's ``Resize`` and ``Conv``.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        self.repeat = Upsampling(interpolation="nearest", dtype=self.dtype_policy)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training or not self.kernel_size[0] % 2:
            return super().call(self.repeat(x))
        kernel = ops.cast(ops.convert_to_tensor(self.kernel), x.dtype)[::-1, ::-1]
        kernel = sum(
            ops.pad(kernel, ((down, 1 - down), (right, 1 - right), (0, 0), (0, 0)))
            for down, right in ((0, 0), (0, 1), (1, 0), (1, 1))
        )
        # Keras' own function takes the kernel as [h, w, out, in].
        y = ops.conv_transpose(x, ops.transpose(kernel, (0, 1, 3, 2)), strides=2, padding="same")
        return y if self.bias is None else y + ops.cast(ops.convert_to_tensor(self.bias), y.dtype)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = input_shape
        return super().compute_output_shape((batch, 2 * height, 2 * width, channels))


class PixelNorm(keras.layers.Layer):
    """Divide the feature vector of each pixel by its root mean square (Karras et al. 2018, arXiv:1710.10196)."""

    def call(self, x: Any) -> Any:
        full = ops.cast(x, "float32")
        return ops.cast(full * ops.rsqrt(ops.mean(ops.square(full), axis=-1, keepdims=True) + 1e-8), x.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


class SlowDense(keras.layers.Dense):
    """A dense layer whose weights are stored divided by ``factor``, as those of StyleGAN's mapping network.

    A step of Adam does not depend on the size of the gradient, so the layer learns ``factor`` times as fast. Its first
    weights have the standard deviation of He et al. 2015.
    """

    def __init__(self, units: int, factor: float, **kwargs: Any) -> None:
        stored = keras.initializers.VarianceScaling(2.0 / factor**2, mode="fan_in", distribution="truncated_normal")
        super().__init__(units, kernel_initializer=stored, **kwargs)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return ops.matmul(x, ops.cast(self.factor * self.kernel, x.dtype)) + ops.cast(self.factor * self.bias, x.dtype)


class Dropout(keras.layers.Layer):
    """Set a share of the features to zero in training, and scale the rest up so that the mean is kept.

    Unlike Keras' dropout it has no state: inside ``_calling.keyed`` its draws depend on the key alone.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            return x
        draws = replicas.uniform(tf.shape(x), _calling.next_key())
        return tf.where(draws < self.rate, tf.zeros_like(x), x / (1.0 - self.rate))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


class SpectralNorm(keras.layers.Wrapper):
    """Divide the kernel of a layer by its largest singular value (Miyato et al. 2018, arXiv:1802.05957).

    Each call estimates the singular value with one power iteration from ``vector_u``, a weight that is state and
    changes in training only. The gradient passes through the estimate, and the kernel itself is not changed. Keras' own
    layer overwrites the kernel with the normalized one, and differs between training and inference by one update.

    Args:
        layer: linear in its kernel, with ``use_bias=False``.
        use_bias: whether to add a bias to the output of ``layer``.
    """

    def __init__(self, layer: keras.layers.Layer, *, use_bias: bool, **kwargs: Any) -> None:
        super().__init__(layer, autocast=False, **kwargs)
        self.use_bias = use_bias
        self.bias: Any = None
        self.vector_u_initializer = SingularVector(layer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        self.vector_u = self.add_weight(
            shape=(1, self.layer.kernel.shape[-1]),
            initializer=self.vector_u_initializer,
            trainable=False,
            name="vector_u",
            aggregation="only_first_replica",
        )
        if self.use_bias:
            channels = self.layer.compute_output_shape(input_shape)[-1]
            self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="bias")

    def call(self, x: Any, training: bool = False) -> Any:
        kernel = ops.convert_to_tensor(self.layer.kernel)
        matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
        fixed = ops.stop_gradient(matrix)
        vector_v = _unit(ops.matmul(ops.convert_to_tensor(self.vector_u), ops.transpose(fixed)))
        vector_u = _unit(ops.matmul(vector_v, fixed))
        if training and not _calling.state_is_frozen():
            self.vector_u.assign(vector_u)
        largest = ops.sum(ops.matmul(vector_v, matrix) * vector_u)
        x = self.layer(x)
        x = x * ops.cast(1.0 / ops.maximum(largest, 1e-12), x.dtype)
        return x if self.bias is None else x + ops.cast(ops.convert_to_tensor(self.bias), x.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.layer.compute_output_shape(input_shape)


class SingularVector(keras.initializers.Initializer):
    """The first right singular vector ``[1, n]`` of a layer's kernel ``[..., n]``, estimated by power iterations.

    So the first steps of a training see normalized kernels. The kernel must be initialized first.

    Args:
        layer: a layer with a kernel.
        seed: seed of the vector that the iterations start from.
    """

    ITERATIONS = 15

    def __init__(self, layer: keras.layers.Layer, seed: int = 0) -> None:
        self.layer = layer
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        kernel = np.asarray(self.layer.kernel, np.float64)
        matrix = kernel.reshape(-1, kernel.shape[-1])
        vector = np.random.RandomState(self.seed).standard_normal(shape)
        for _ in range(self.ITERATIONS):
            vector = (vector @ matrix.T) @ matrix
            vector /= np.linalg.norm(vector) or 1.0
        return ops.convert_to_tensor(vector, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"layer": self.layer, "seed": self.seed}


def _unit(vector: Any) -> Any:
    return vector / ops.maximum(ops.norm(vector), 1e-12)
