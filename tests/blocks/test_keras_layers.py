"""The Keras layers that Keras does not have, against their formulas in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.blocks import _calling
from ganzoo.blocks._keras_layers import (
    ClassAffine,
    ClassStddev,
    Dropout,
    MinibatchStddev,
    Modulate,
    Packing,
    PixelNorm,
    SpectralNorm,
    Upsampling,
    UpsamplingConv2D,
)
from ganzoo.blocks.base import discriminator_blocks
from ganzoo.blocks.context import BuildContext
from ganzoo.errors import ConfigError

RNG = np.random.RandomState(0)
IMAGES = RNG.standard_normal((8, 4, 4, 3)).astype(np.float32)


def spectral(layer, shape):
    """A layer with spectral normalization and fixed weights."""
    wrapped = SpectralNorm(layer, use_bias=True, name="x")
    wrapped.build((None, *shape))
    rng = np.random.RandomState(0)
    for weight in (wrapped.layer.kernel, wrapped.vector_u, wrapped.bias):
        weight.assign(rng.standard_normal(weight.shape))
    return wrapped


LAYERS = {
    "dense": (lambda: keras.layers.Dense(5, use_bias=False), (3,)),
    "conv": (lambda: keras.layers.Conv2D(5, 3, padding="same", use_bias=False), (4, 4, 3)),
    "transpose": (lambda: keras.layers.Conv2DTranspose(5, 4, 2, padding="same", use_bias=False), (4, 4, 3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LAYERS)
def test_spectral_norm_divides_the_kernel_by_its_largest_singular_value(kind):
    make, shape = LAYERS[kind]
    layer = spectral(make(), shape)
    layer.layer.kernel.assign(layer.layer.kernel + 1.0)  # one large singular value, so that the iterations converge
    kernel = np.asarray(layer.layer.kernel)
    x = RNG.standard_normal((2, *shape)).astype(np.float32)
    for _ in range(30):
        layer(x, training=True)
    assert np.array_equal(kernel, np.asarray(layer.layer.kernel)), "the kernel itself must stay"
    largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]).astype(np.float64))[1][0]
    plain = make()
    plain.build((None, *shape))
    plain.kernel.assign(kernel / largest)
    np.testing.assert_allclose(layer(x), plain(x) + layer.bias, atol=1e-5)


def test_spectral_norm_moves_its_vector_by_one_iteration_in_training_only():
    layer = spectral(*[LAYERS["dense"][0](), (3,)])
    x = np.ones((1, 3), np.float32)
    matrix, before = np.asarray(layer.layer.kernel), np.asarray(layer.vector_u)
    layer(x)
    with _calling.frozen_state():
        layer(x, training=True)
    assert np.array_equal(before, np.asarray(layer.vector_u))
    layer(x, training=True)
    v = before @ matrix.T
    u = v / np.linalg.norm(v) @ matrix
    np.testing.assert_allclose(layer.vector_u, u / np.linalg.norm(u), rtol=1e-5)


def test_the_gradient_of_spectral_norm_goes_through_the_singular_value():
    """For fixed u and v, as in the paper's equation 12."""
    layer = spectral(keras.layers.Dense(2, use_bias=False), (3,))
    x = RNG.standard_normal((4, 3)).astype(np.float32)
    goal = RNG.standard_normal((4, 2))
    kernel = np.asarray(layer.layer.kernel, np.float64)
    v = np.asarray(layer.vector_u, np.float64) @ kernel.T
    v /= np.linalg.norm(v)
    u = v @ kernel
    u /= np.linalg.norm(u)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layer(x) * goal)
    gradient = np.asarray(tape.gradient(value, layer.layer.kernel.value))
    for place in np.ndindex(kernel.shape):
        move = np.zeros_like(kernel)
        move[place] = 1e-6

        def loss(w):
            return np.sum(x @ w / (v @ w @ u.T) * goal)

        slope = (loss(kernel + move) - loss(kernel - move)) / 2e-6
        np.testing.assert_allclose(gradient[place], slope, atol=1e-3, rtol=1e-3)


def test_spectral_norm_of_a_zero_kernel_is_finite():
    layer = spectral(keras.layers.Dense(2, use_bias=False), (3,))
    layer.layer.kernel.assign(np.zeros((3, 2)))
    assert np.isfinite(layer(np.ones((1, 3), np.float32), training=True)).all()
    assert np.isfinite(layer.vector_u).all()


def test_pixel_norm():
    wanted = IMAGES / np.sqrt(np.mean(np.square(IMAGES, dtype=np.float64), axis=-1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(PixelNorm()(IMAGES), wanted, rtol=1e-5)


def test_class_affine_takes_the_pair_of_each_samples_class():
    layer = ClassAffine(3)
    x = np.random.RandomState(0).standard_normal((4, 2, 2, 5)).astype(np.float32)
    labels = np.array([2, 0, 2, 1], np.int32)
    np.testing.assert_array_equal(layer([x, labels]), x)
    scale, offset = np.random.RandomState(1).standard_normal((2, 3, 5)).astype(np.float32)
    layer.set_weights([scale, offset])
    wanted = [image * scale[label] + offset[label] for image, label in zip(x, labels, strict=True)]
    np.testing.assert_allclose(layer([x, labels]), wanted, rtol=1e-6)


def test_dropout_keeps_the_mean_and_draws_by_key():
    layer = Dropout(0.25)
    ones = np.ones((200, 100), np.float32)
    assert np.array_equal(layer(ones), ones)

    def draw(key, calls=1):
        with _calling.keyed(tf.constant([key, 0], tf.int64)):
            return [np.asarray(layer(ones, training=True)) for _ in range(calls)]

    first, second = draw(1, calls=2)
    assert set(np.unique(first)) == {0.0, np.float32(1 / 0.75)}
    assert abs(first.mean() - 1) < 0.02
    assert np.array_equal(first, draw(1)[0])
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, draw(2)[0])
    assert not np.array_equal(layer(ones, training=True), layer(ones, training=True))
    assert layer.weights == []
    assert layer.variables == []


@pytest.mark.parametrize(("batch", "group"), [(8, 4), (8, 2), (6, 4), (5, 2)])
@pytest.mark.parametrize("parts", [1, 3])
def test_minibatch_stddev_by_its_formula(batch, group, parts):
    x = IMAGES[:batch]
    made = np.asarray(MinibatchStddev(group, parts)(x))
    assert made.shape == (batch, 4, 4, 3 + parts)
    np.testing.assert_array_equal(made[..., :3], x)
    size = group if batch % group == 0 else batch
    for place in range(batch):
        members = x[place % (batch // size) :: batch // size]
        assert len(members) == size
        expect_stddev(made[place, ..., 3:], members, parts)


@pytest.mark.parametrize("x", [IMAGES, IMAGES[:, 0, 0]], ids=["images", "vectors"])
@pytest.mark.parametrize("parts", [1, 3])
def test_stddev_within_a_class_by_its_formula(x, parts):
    label = np.array([0, 3, 0, 1, 3, 0, 3, 3])
    made = np.asarray(ClassStddev(5, parts)([x, label]))
    np.testing.assert_array_equal(made[..., :3], x)
    for place, own in enumerate(label):
        expect_stddev(made[place, ..., 3:], x[label == own], parts)


def expect_stddev(made, members, parts):
    """That ``made``, ``[..., parts]``, is at each place the mean deviation of each part of the members' channels."""
    stddev = np.sqrt(members.astype(np.float64).var(axis=0) + 1e-8)
    wanted = [np.mean(part) for part in np.split(stddev, parts, axis=-1)]
    np.testing.assert_allclose(made, np.broadcast_to(wanted, made.shape), rtol=1e-4)


def test_minibatch_stddev_names_the_parts_that_can_be_made():
    block = discriminator_blocks.create({"name": "minibatch_stddev", "num_channels": 4})
    assert block.output_shape((4, 4, 8)) == (4, 4, 12)
    with pytest.raises(ConfigError, match=r"6 channels .* received 4; allowed here: 1, 2, 3, 6$"):
        block.output_shape((4, 4, 6))


@pytest.mark.parametrize("samples", [2, 4])
def test_packing_lays_neighbors_side_by_side(samples):
    made = np.asarray(Packing(samples)(IMAGES))
    assert made.shape == (8 // samples, 4, 4, 3 * samples)
    for pack in range(8 // samples):
        wanted = np.concatenate(list(IMAGES[pack * samples : (pack + 1) * samples]), axis=-1)
        np.testing.assert_array_equal(made[pack], wanted)
    vectors = np.arange(24, dtype=np.float32).reshape(8, 3)
    np.testing.assert_array_equal(Packing(samples)(vectors), vectors.reshape(8 // samples, 3 * samples))


def test_channelwise_convolution_is_one_convolution_of_each_channel():
    block = discriminator_blocks.create({"name": "channelwise_conv", "channels": 2, "kernel_size": 3})
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, block.build(inputs, BuildContext("x")))
    (layer,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    layer.bias.assign([0.1, -0.2])
    alone = keras.layers.Conv2D(2, 3, strides=2, padding="same")
    alone.build((None, 4, 4, 1))
    alone.set_weights(layer.get_weights())
    wanted = tf.nn.leaky_relu(tf.concat([alone(IMAGES[..., channel, None]) for channel in range(3)], axis=-1), 0.2)
    np.testing.assert_allclose(model(IMAGES), wanted, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("xla", [False, True])
def test_upsampling_is_that_of_keras(interpolation, dtype, xla):
    """The same bits in training, values and gradients; the same values outside of it."""
    x = tf.cast(RNG.standard_normal((3, 5, 4, 7)), dtype)
    weights = tf.cast(RNG.standard_normal((3, 10, 8, 7)), dtype)
    ours, keras_own = (
        kind(interpolation=interpolation, dtype=dtype) for kind in (Upsampling, keras.layers.UpSampling2D)
    )

    def with_gradient(layer, **options):
        with tf.GradientTape() as tape:
            tape.watch(x)
            large = layer(x, **options)
        return large, tape.gradient(large, x, output_gradients=weights)

    expected = tf.function(lambda: with_gradient(keras_own), jit_compile=xla)()
    made = tf.function(lambda: with_gradient(ours, training=True), jit_compile=xla)()
    for one, other in zip(made, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    still = tf.function(lambda: ours(x, training=False), jit_compile=xla)()
    assert still.dtype == x.dtype
    np.testing.assert_array_equal(still, expected[0])


def test_upsampling_is_one_operation_outside_of_training():
    layer = Upsampling(interpolation="nearest")
    signature = tf.TensorSpec((None, 5, 4, 7))
    for training, found in ((False, True), (True, False)):
        graph = tf.function(lambda x, t=training: layer(x, training=t)).get_concrete_function(signature).graph
        assert ("ResizeNearestNeighbor" in {op.type for op in graph.get_operations()}) == found


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_upsampling_convolution_is_the_same_in_training_and_outside(kernel_size):
    layer = UpsamplingConv2D(5, kernel_size, padding="same", bias_initializer="normal")
    fused, separate = layer(IMAGES, training=True), layer(IMAGES, training=False)
    repeated = IMAGES.repeat(2, axis=1).repeat(2, axis=2)
    plain = tf.nn.conv2d(repeated, layer.kernel.value, 1, "SAME") + layer.bias.value
    assert fused.shape == layer.compute_output_shape(IMAGES.shape) == (8, 8, 8, 5)
    assert np.allclose(fused, plain, atol=1e-5)
    assert np.allclose(separate, plain, atol=1e-5)


def test_the_fused_kernel_has_the_gradient_of_the_separate_operations():
    layer = UpsamplingConv2D(5, 3, padding="same")
    gradients = []
    for training in (True, False):
        with tf.GradientTape() as tape:
            goal = tf.reduce_sum(tf.square(layer(IMAGES, training=True)) if training else tf.square(plain(layer)))
        gradients.append(tape.gradient(goal, layer.kernel.value))
    assert np.allclose(*gradients, rtol=1e-4, atol=1e-3)


def plain(layer):
    """The layer as a repetition of pixels and an ordinary convolution."""
    return tf.nn.conv2d(tf.repeat(tf.repeat(IMAGES, 2, axis=1), 2, axis=2), layer.kernel.value, 1, "SAME")


def test_modulation_scales_and_shifts_each_sample():
    affine = RNG.standard_normal((8, 6)).astype(np.float32)
    scale, offset = affine[:, None, None, :3], affine[:, None, None, 3:]
    assert np.allclose(Modulate()([IMAGES, affine]), IMAGES * (1 + scale) + offset, atol=1e-6)
