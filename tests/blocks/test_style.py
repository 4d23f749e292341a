"""Modulated convolutions against the formulas of the paper, sample by sample, and the blocks around them."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from ganzoo.architectures.mapping import MappingConfig  # noqa: E402
from ganzoo.blocks._keras_layers import SlowDense, Upsampling  # noqa: E402
from ganzoo.blocks._modulated_conv import Blur, ModulatedConv2D  # noqa: E402
from ganzoo.config.experiment import Config  # noqa: E402
from ganzoo.environment.process_settings import own_settings  # noqa: E402
from ganzoo.errors import ConfigError  # noqa: E402
from ganzoo.training import networks  # noqa: E402

RNG = np.random.RandomState(0)
TINY = {
    "data": {"source": "faces", "resolution": 16, "count": 8},
    "generator": {
        "model": "stylegan2",
        "latent_dim": 8,
        "base_channels": 4,
        "max_channels": 6,
        "mapping": {"layers": 2, "width": 5},
    },
    "discriminator": {"model": "stylegan2", "base_channels": 4},
}


def modulated(x, kernel, scale, *, demodulate, bias=0.0, gain=1.0):
    """Equations 1 to 3 of Karras et al. 2020: modulate the weights of each sample, demodulate, convolve."""
    batch, height, width, _ = x.shape
    size, _, _, filters = kernel.shape
    pad = size // 2
    out = np.zeros((batch, height, width, filters))
    for n in range(batch):
        weights = kernel.astype(np.float64) * scale[n][None, None, :, None]
        if demodulate:
            for j in range(filters):
                weights[..., j] *= gain / np.sqrt((weights[..., j] ** 2).sum() + 1e-8)
        padded = np.pad(x[n].astype(np.float64), ((pad, pad), (pad, pad), (0, 0)))
        for row in range(height):
            for column in range(width):
                window = padded[row : row + size, column : column + size]
                out[n, row, column] = np.einsum("abi,abij->j", window, weights)
    return out + bias


def built(layer, *inputs):
    """The layer with random weights, and its output for the inputs."""
    layer(list(inputs))
    for weight in layer.weights:
        weight.assign(RNG.standard_normal(weight.shape).astype(np.float32))
    return layer, np.asarray(keras.ops.cast(layer(list(inputs)), "float32"))


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_modulated_convolution_is_that_of_the_paper(size, demodulate):
    x = RNG.standard_normal((3, 6, 4, 5)).astype(np.float32)
    scale = RNG.standard_normal((3, 5)).astype(np.float32)
    gain = 1.3 if demodulate else 1.0
    layer, made = built(ModulatedConv2D(7, size, demodulate=demodulate, gain=gain), x, scale)
    kernel, bias = map(np.asarray, layer.weights)
    np.testing.assert_allclose(
        made, modulated(x, kernel, scale, demodulate=demodulate, bias=bias, gain=gain), atol=2e-5
    )


def test_one_image_serves_every_scale():
    x = RNG.standard_normal((1, 4, 4, 3)).astype(np.float32)
    scale = RNG.standard_normal((4, 3)).astype(np.float32)
    layer, made = built(ModulatedConv2D(2, 3), x, scale)
    kernel, bias = map(np.asarray, layer.weights)
    repeated = np.repeat(x, 4, axis=0)
    np.testing.assert_allclose(made, modulated(repeated, kernel, scale, demodulate=True, bias=bias), atol=1e-5)


def test_enlarging_the_scaled_input_is_scaling_the_enlarged_one():
    x = RNG.standard_normal((2, 4, 3, 3)).astype(np.float32)
    scale = RNG.standard_normal((2, 3)).astype(np.float32)
    layer, made = built(ModulatedConv2D(2, 3, enlarge="bilinear"), x, scale)
    kernel, bias = map(np.asarray, layer.weights)
    large = np.asarray(Upsampling(interpolation="bilinear")(x))
    np.testing.assert_allclose(made, modulated(large, kernel, scale, demodulate=True, bias=bias), atol=1e-5)


def test_demodulation_is_computed_in_float32():
    """In bfloat16, the sum of 8192 equal squares would stop growing."""
    x = np.ones((1, 1, 1, 8192), np.float32)
    with own_settings(dtype_policy="mixed_bfloat16"):
        layer = ModulatedConv2D(1, 1, use_bias=False)
        layer([x, x[:, 0, 0]])
        layer.weights[0].assign(np.ones((1, 1, 8192, 1), np.float32))
        made = layer([x, x[:, 0, 0]])
    assert made.dtype == "bfloat16"
    assert layer.weights[0].dtype == "float32"
    assert float(keras.ops.cast(made, "float32")[0, 0, 0, 0]) == pytest.approx(8192**0.5, rel=0.01)


def test_bilinear_enlarging_is_the_filter_of_the_paper_inside():
    """Zeros between the pixels, then [1, 3, 3, 1] / 4 in both directions."""
    x = RNG.standard_normal((1, 5, 5, 1)).astype(np.float32)
    apart = np.zeros((13, 13))
    apart[2:12:2, 2:12:2] = x[0, :, :, 0]
    kernel = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16
    wanted = np.array([[(apart[r : r + 4, c : c + 4] * kernel).sum() for c in range(10)] for r in range(10)])
    made = np.asarray(Upsampling(interpolation="bilinear")(x))[0, :, :, 0]
    np.testing.assert_allclose(made[1:-1, 1:-1], wanted[1:-1, 1:-1], atol=1e-5)


@pytest.mark.parametrize(("pad", "stride"), [(1, 2), (2, 1)])
def test_blur(pad, stride):
    x = RNG.standard_normal((2, 6, 8, 3)).astype(np.float32)
    kernel = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    rows, columns = (range(0, side + 2 * pad - 3, stride) for side in (6, 8))
    wanted = [[np.einsum("nabc,ab->nc", padded[:, r : r + 4, c : c + 4], kernel) for c in columns] for r in rows]
    layer = Blur(pad=pad, stride=stride)
    made = np.asarray(layer(x))
    np.testing.assert_allclose(made, np.transpose(wanted, (2, 0, 1, 3)), atol=1e-5)
    assert layer.compute_output_shape(x.shape) == made.shape


def test_the_sample_is_the_tanh_of_the_sum_of_all_images():
    generator = networks.build_generator(Config.read(TINY))
    names = [layer.name for layer in generator.layers if layer.name.endswith("image_conv")]
    parts = keras.Model(generator.inputs, [generator.get_layer(name).output for name in names])
    z = RNG.standard_normal((2, 8)).astype(np.float32)
    total = 0.0
    for image in parts([z]):
        if np.ndim(total):
            total = np.asarray(Upsampling(interpolation="bilinear")(total))
        total = total + np.asarray(image)
    assert [image.shape[1] for image in parts([z])] == [4, 8, 16]
    np.testing.assert_allclose(np.asarray(generator([z])), np.tanh(total), atol=1e-5)


def test_the_latent_has_an_effect_through_the_mapping_network_only():
    generator = networks.build_generator(Config.read(TINY))
    z = RNG.standard_normal((1, 8)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(generator([z])), np.asarray(generator([3 * z])), atol=1e-5)
    assert np.abs(np.asarray(generator([z])) - np.asarray(generator([-z]))).max() > 1e-3


def test_a_slow_layer_starts_alike_and_moves_less():
    x = RNG.standard_normal((4, 256)).astype(np.float32)
    steps = {}
    for factor in (1.0, 0.01):
        layer = SlowDense(256, factor)
        layer.build(x.shape)
        assert np.std(factor * np.asarray(layer.kernel)) == pytest.approx((2 / 256) ** 0.5, rel=0.05)
        before = np.asarray(layer(x))
        keras.optimizers.SGD(0.1).apply([keras.ops.ones_like(layer.kernel)], [layer.kernel])
        steps[factor] = np.abs(np.asarray(layer(x)) - before).max()
    assert steps[0.01] == pytest.approx(0.01 * steps[1.0], rel=0.01)


def test_the_style_is_the_output_of_the_last_layer():
    latent = keras.Input((4,))
    mapping = MappingConfig(layers=3, width=5, learning_rate_factor=0.1)
    model = keras.Model(latent, mapping.build(latent))
    assert model.output is model.get_layer(mapping.last_layer).output


BAD = {
    "a styled block without a style": (
        {"generator": {"model": "dcgan", "block": "styled_upsample", "head": "skip_head"}},
        "the generator block 'styled_upsample' needs a style",
    ),
    "a head without images": (
        {"generator": {"model": "dcgan", "head": "skip_head"}},
        "head 'skip_head' sums the images of blocks such as styled_upsample, and no block adds one",
    ),
    "images without a head": (
        {"generator": {"model": "stylegan2", "head": "image_head"}},
        "'constant_stem' adds an image, which the head 'image_head' does not use; use head: skip_head",
    ),
    "no mapping network": ({"generator": {"model": "stylegan2", "mapping": None}}, "generator.mapping"),
    "a rate above the generator's": (
        {"generator": {"model": "stylegan2", "mapping": {"learning_rate_factor": 2}}},
        "learning_rate_factor",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_config_that_cannot_work_is_refused(case):
    changes, message = BAD[case]
    with pytest.raises(ConfigError, match=message):
        Config.read({"data": {"source": "faces", "resolution": 32}, "discriminator": "dcgan", **changes})
