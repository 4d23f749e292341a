"""R3GAN's blocks: first weights, identity at the start, groups, and the form for devices without grouped gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import tiny

from ganzoo.architectures.base import discriminator_architectures, generator_architectures
from ganzoo.architectures.shapes import trace
from ganzoo.blocks import _r3gan_layers
from ganzoo.blocks.base import discriminator_blocks, generator_blocks
from ganzoo.blocks.context import BuildContext
from ganzoo.errors import ConfigError

RNG = np.random.RandomState(0)


def model(block, shape):
    from ganzoo.training.initialization import initialize

    def build():
        x = keras.Input(shape)
        return keras.Model(x, block.build(x, BuildContext("block")))

    return initialize(build, "glorot_uniform", 0)


def test_a_new_stage_only_resizes():
    """The last convolution of every branch is zero, so a stage begins as its interpolation."""
    x = RNG.standard_normal((2, 4, 6, 8)).astype(np.float32)
    up = model(generator_blocks.create({"name": "r3gan_up", "channels": 8}), (4, 6, 8))
    np.testing.assert_allclose(up(x), tf.image.resize(x, (8, 12), "bilinear"), atol=1e-6)
    down = model(discriminator_blocks.create({"name": "r3gan_down", "channels": 8}), (4, 6, 8))
    np.testing.assert_allclose(down(x), tf.image.resize(x, (2, 3), "bilinear"), atol=1e-6)


@pytest.mark.parametrize("depth", [1, 16])
def test_first_weights_shrink_with_the_fourth_root_of_the_depth(depth):
    block = {"name": "r3gan_down", "channels": 64, "residual_blocks": 1, "network_depth": depth}
    made = model(discriminator_blocks.create(block), (4, 4, 64))
    gain = np.sqrt(2 / 1.04) * depth**-0.25
    for name, fan_in in (("widen", 64), ("grouped", 9 * 16)):
        kernel = np.asarray(made.get_layer(f"block_0_{name}").kernel)
        assert abs(kernel.std() * np.sqrt(fan_in) / gain - 1) < 0.03
    assert not np.any(made.get_layer("block_0_narrow").kernel)


def test_a_branch_against_numpy():
    made = model(
        discriminator_blocks.create(
            {"name": "r3gan_down", "channels": 4, "group_width": 2, "residual_blocks": 1, "downsample": False}
        ),
        (3, 3, 4),
    )
    for weight in made.weights:
        weight.assign(RNG.standard_normal(weight.shape))
    x = RNG.standard_normal((1, 3, 3, 4)).astype(np.float32)
    layers = {name: made.get_layer(f"block_0_{name}") for name in ("widen", "grouped", "narrow")}

    def leaky(values):
        return np.where(values > 0, values, 0.2 * values)

    y = leaky(x @ np.asarray(layers["widen"].kernel)[0, 0] + np.asarray(layers["widen"].bias))
    padded, kernel = np.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0))), np.asarray(layers["grouped"].kernel)
    z = np.zeros((1, 3, 3, 8))
    for row, column, out in np.ndindex(3, 3, 8):
        first = out // 2 * 2  # groups of two channels
        window = padded[0, row : row + 3, column : column + 3, first : first + 2]
        z[0, row, column, out] = np.sum(window * kernel[..., out])
    z = leaky(z + np.asarray(layers["grouped"].bias))
    np.testing.assert_allclose(made(x), x + z @ np.asarray(layers["narrow"].kernel)[0, 0], atol=1e-4)


def test_groups_one_by_one_are_the_same(monkeypatch):
    """The form for a CPU without oneDNN, which TensorFlow cannot differentiate otherwise: value and gradients."""
    layer = _r3gan_layers.GroupedConv2D(8, 3, padding="same", groups=4)
    x = tf.constant(RNG.standard_normal((2, 5, 5, 8)), tf.float32)
    layer.build(x.shape)
    found = []
    for works in (True, False):
        monkeypatch.setattr(_r3gan_layers, "grouped_gradients_work", lambda works=works: works)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = layer(x, training=True)
            goal = tf.reduce_sum(tf.sin(value))
        found.append([value, *tape.gradient(goal, [x, layer.kernel.value])])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_basis_weights_learned_images():
    layer = _r3gan_layers.Basis(2, 3)
    x = RNG.standard_normal((2, 4)).astype(np.float32)
    made = np.asarray(layer(x))
    np.testing.assert_allclose(made, x[:, None, None, :] * np.asarray(layer.basis), rtol=1e-5)
    pooling = _r3gan_layers.WeightedPooling()
    np.testing.assert_allclose(pooling(made), np.sum(made * np.asarray(pooling.kernel), axis=(1, 2)), rtol=1e-4)


def test_the_networks_of_the_paper():
    """Stages of residual blocks at each size from 4 px, with mirrored channels, and one depth for all of them."""
    block = {"residual_blocks": 1, "group_width": 8}
    spec = {"model": "r3gan", "base_channels": 8}
    g = generator_architectures.create({**spec, "block": {"name": "r3gan_up", **block}}).expand((32, 32, 3))
    d = discriminator_architectures.create({**spec, "block": {"name": "r3gan_down", **block}}).expand((32, 32, 3))
    assert [part.registered_name for part in g] == ["r3gan_stem", *["r3gan_up"] * 3, "image_head"]
    assert trace(g, (100,)) == [(4, 4, 64), (8, 8, 32), (16, 16, 16), (32, 32, 8), (32, 32, 3)]
    assert trace(d, (32, 32, 3)) == [(16, 16, 8), (8, 8, 16), (4, 4, 32), (4, 4, 64), (1,)]
    assert {(part.network_depth, part.group_width) for part in (*g[:-1], *d[:-1])} == {(4, 8)}
    assert d[-1].pool == "basis"


def test_groups_that_do_not_divide_are_one_line():
    block = {"name": "r3gan_up", "group_width": 6}
    with pytest.raises(ConfigError, match=r"32 inner channels, which groups of 6 do not divide; use group_width: 2"):
        tiny(resolution=16, generator={"model": "r3gan", "base_channels": 4, "block": block})
