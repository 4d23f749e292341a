"""The palette head against its formula, and what its colors depend on."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from ganzoo.bundle.writing import write_bundle  # noqa: E402
from ganzoo.config.experiment import Config  # noqa: E402
from ganzoo.errors import ConfigError  # noqa: E402
from ganzoo.training import networks  # noqa: E402

COLORS = 5
STYLED = {"self_modulation": True, "conditioning": "batch_norm"}


def config(*, num_classes=0, channels=3, head=None, **generator):
    head = {"name": "palette_head", "colors": COLORS, "width": 8, **(head or {})}
    return Config.read(
        {
            "data": {"source": "numpy", "resolution": 16, "channels": channels},
            "num_classes": num_classes,
            "generator": {"latent_dim": 8, "base_channels": 4, "block": "conv_transpose", "head": head, **generator},
            "discriminator": "dcgan",
        }
    )


def parts(network, inputs):
    """The output of the network, its shares and its colors."""
    names = {layer.name.rpartition("palette_head_")[2]: layer.output for layer in network.layers}
    both = keras.Model(network.inputs, [network.output, names["shares"], names["tanh"]])
    return [np.asarray(part) for part in both(inputs, training=False)]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("num_classes", "generator"), [(0, {}), (0, {"self_modulation": True}), (3, STYLED), (3, {})])
def test_a_pixel_is_the_mean_of_the_colors_of_its_image(num_classes, generator, channels):
    network = networks.build_generator(config(num_classes=num_classes, channels=channels, **generator))
    z = np.random.RandomState(0).standard_normal((4, 8)).astype(np.float32)
    inputs = [z, np.arange(4) % 3] if num_classes else [z]
    made, shares, colors = parts(network, inputs)
    assert made.shape == (4, 16, 16, channels)
    assert made.dtype == np.float32
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(made, np.einsum("bhwn,bnc->bhwc", shares, colors), atol=1e-5)
    assert colors.shape == (4, COLORS, channels)
    assert np.ptp(colors, axis=1).min() > 0.1  # the colors of an image differ from the start
    assert np.abs(colors[0] - colors[1]).max() > 1e-4  # and those of images


def test_the_colors_depend_on_the_class():
    network = networks.build_generator(config(num_classes=3, **STYLED))
    z = np.ones((2, 8), np.float32)
    _, _, colors = parts(network, [z, np.array([0, 2])])
    assert np.abs(colors[0] - colors[1]).max() > 1e-4


def test_the_first_colors_follow_the_seed():
    first, again, other = (networks.build_generator(config(), seed=seed) for seed in (1, 1, 2))
    z = np.ones((1, 8), np.float32)
    colors = [parts(network, [z])[2] for network in (first, again, other)]
    assert np.array_equal(colors[0], colors[1])
    assert np.abs(colors[0] - colors[2]).max() > 0.1


def test_a_mapping_network_is_enough_for_a_style():
    network = networks.build_generator(config(mapping={"layers": 1, "width": 4}, block="upsample_conv"))
    z = np.random.RandomState(0).standard_normal((2, 8)).astype(np.float32)
    _, _, colors = parts(network, [z])
    assert np.abs(colors[0] - colors[1]).max() > 1e-4


@pytest.mark.slow
def test_the_colors_are_of_the_fine_style(tmp_path):
    from ganzoo.exporters.bundle import bundle_config
    from ganzoo.exporters.onnx import to_onnx
    from ganzoo.exporters.truncation import style_mean
    from ganzoo.inference.generator import Generator

    mapped = config(mapping={"layers": 1, "width": 4}, block="upsample_conv")
    network = networks.build_generator(mapped)
    model = to_onnx(network, style_mean=style_mean(network, mapped))
    named = {"w": np.ones(1, np.float32)}
    bundle = write_bundle(tmp_path / "b", config=bundle_config(mapped), onnx=model.SerializeToString(), weights=named)
    assert Generator.from_bundle(bundle).style_heights == (16,)


def test_one_color_is_refused():
    with pytest.raises(ConfigError, match=r"generator\.head\.colors"):
        config(head={"colors": 1})


def test_a_vector_has_no_pixels():
    generator = {"model": "dense", "latent_dim": 8, "head": "palette_head"}
    data = {"source": "numpy", "resolution": 16}
    with pytest.raises(ConfigError, match="'palette_head' takes an image"):
        Config.read({"data": data, "generator": generator, "discriminator": "dcgan"})
