"""First weights: which initializer draws each of them, and that the seed and the position fix every random one."""

import random

import keras
import numpy as np
import pytest
from helpers import tiny_vectors

from ganzoo.blocks.base import SameShapeBlock
from ganzoo.blocks.context import BuildContext
from ganzoo.config.experiment import Config
from ganzoo.initializers import DcganNormal, initializers
from ganzoo.training import networks
from ganzoo.training.initialization import initialize

WIDTH = 64


def model(*layers, seed=0, initializer="normal_0.02"):
    """A chain of new layers, by the functions that make them, with its first weights."""

    def build():
        x = output = keras.Input((WIDTH,))
        for layer in layers:
            output = layer()(output)
        return keras.Model(x, output)

    return initialize(build, initializers.create(initializer), seed)


def dense(**options):
    return lambda: keras.layers.Dense(WIDTH, **options)


def kernels(network):
    return [np.asarray(weight) for weight in network.trainable_variables if weight.name == "kernel"]


class Mixture(keras.layers.Layer):
    """A layer of a plug-in: random weights with initializers that are not attributes, and two random states."""

    def build(self, input_shape):
        shape = (input_shape[-1], WIDTH)
        self.first = self.add_weight(shape=shape, initializer="random_normal", name="kernel")
        self.second = self.add_weight(shape=shape, initializer="random_normal", name="second")
        self.third = self.add_weight(shape=shape, name="third")
        self.gate = self.add_weight(shape=(), initializer="zeros", name="gate")
        self.state = self.add_weight(shape=shape, initializer="orthogonal", trainable=False, name="state")
        self.dropout = keras.layers.Dropout(0.5)

    def call(self, x):
        return self.dropout(x @ self.first) + self.gate * (x @ self.second + x @ self.third + x @ self.state)


class OwnDefault(keras.layers.Dense):
    """A layer of a plug-in whose default initializer is not that of Keras."""

    def __init__(self, units, kernel_initializer="lecun_uniform"):
        super().__init__(units, kernel_initializer=kernel_initializer)


def test_the_initializer_of_the_network_draws_weights_at_the_default_of_keras():
    for kernel in kernels(model(dense(), dense(kernel_initializer="glorot_uniform"))):
        assert kernel.std() == pytest.approx(0.02, rel=0.05)
    attention = initialize(lambda: _attention(), DcganNormal(), 0)
    for kernel in kernels(attention):
        assert kernel.std() == pytest.approx(0.02, rel=0.2)


def _attention():
    x = keras.Input((3, WIDTH))
    return keras.Model(x, keras.layers.MultiHeadAttention(2, 8)(x, x))


@pytest.mark.parametrize("initializer", ["normal_0.02", "orthogonal"])
def test_an_initializer_of_the_block_is_kept(initializer):
    normal, seeded, constant, zero, own = kernels(
        model(
            dense(kernel_initializer=keras.initializers.RandomNormal(stddev=0.5)),
            dense(kernel_initializer=keras.initializers.GlorotUniform(seed=7)),
            dense(kernel_initializer=keras.initializers.Constant(2.0)),
            dense(kernel_initializer="zeros"),
            lambda: OwnDefault(WIDTH),
            initializer=initializer,
        )
    )
    assert normal.std() == pytest.approx(0.5, rel=0.05)
    for uniform, limit in ((seeded, np.sqrt(6 / (2 * WIDTH))), (own, np.sqrt(3 / WIDTH))):
        assert 0.95 * limit < np.abs(uniform).max() <= limit
        assert uniform.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    assert np.all(constant == 2.0)
    assert not zero.any()


def test_the_seed_fixes_every_random_weight_and_state():
    shared = keras.initializers.RandomNormal(seed=3)
    layers = [
        Mixture,
        dense(kernel_initializer=shared, bias_initializer="random_uniform"),
        dense(kernel_initializer=shared),
        lambda: keras.layers.Dropout(0.1),
    ]
    one, same, other = (model(*layers, seed=seed) for seed in (5, 5, 6))
    assert {"kernel", "second", "third", "gate", "state", "bias", "seed_generator_state"} == {
        w.name for w in one.variables
    }
    fixed = {"gate"}
    for first, second, third in zip(one.variables, same.variables, other.variables, strict=True):
        np.testing.assert_array_equal(first, second)
        if first.name not in fixed and np.any(first):
            assert not np.array_equal(first, third), first.path
    drawn = [np.asarray(weight) for weight in one.variables if weight.shape == (WIDTH, WIDTH)]
    assert len(drawn) == 6
    assert len({weight.tobytes() for weight in drawn}) == 6, "two weights are equal"


def test_a_draw_depends_on_the_position_and_not_on_the_weights_before():
    narrow = model(lambda: keras.layers.Dense(3), dense())
    wide = model(lambda: keras.layers.Dense(9), dense())
    longer = model(lambda: keras.layers.Dense(3), dense(), dense())
    assert narrow.layers[-1].kernel.shape != wide.layers[-1].kernel.shape
    np.testing.assert_array_equal(narrow.layers[-1].kernel, longer.layers[-2].kernel)


def test_the_random_numbers_of_the_caller_go_on_as_before():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    networks.build_generator(tiny_vectors())
    assert random.random() == expected


def test_a_block_may_start_its_gate_at_zero():
    """A residual block with a zero gate (fix-up) is the identity at first, in a network with any initializer."""

    class Gated(SameShapeBlock):
        def build(self, x, context):
            name = context.name
            branch = keras.layers.Conv2D(x.shape[-1], 3, padding="same", name=f"{name}_conv")(x)
            gate = keras.layers.Conv2D(x.shape[-1], 1, kernel_initializer="zeros", name=f"{name}_gate")(branch)
            return keras.layers.Add(name=f"{name}_add")([x, gate])

    def build():
        x = keras.Input((4, 4, 3))
        return keras.Model(x, Gated().build(x, BuildContext("gated")))

    x = np.random.RandomState(0).standard_normal((2, 4, 4, 3)).astype(np.float32)
    for initializer in ("normal_0.02", "he_normal", "orthogonal"):
        network = initialize(build, initializers.create(initializer), 0)
        np.testing.assert_array_equal(network(x), x)
        assert np.asarray(network.get_layer("gated_conv").kernel).any()


def test_scales_and_offsets_of_classes_start_as_the_identity():
    network = networks.build_generator(
        Config.read(
            {
                "data": {"source": "ring8"},
                "num_classes": 8,
                "generator": {
                    "model": "dense",
                    "conditioning": "batch_norm",
                    "block": {"name": "dense", "norm": "batch"},
                    "hidden": [4],
                },
                "discriminator": {"model": "dense", "hidden": [4]},
            }
        )
    )
    found = {weight.name: np.asarray(weight) for weight in network.variables}
    np.testing.assert_array_equal(found["scale"], np.ones((8, 4)))
    np.testing.assert_array_equal(found["offset"], np.zeros((8, 4)))
