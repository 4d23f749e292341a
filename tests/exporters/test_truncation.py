"""Truncation of the style: the exported graph, the bundle that describes it, and what may be in such a file."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ganzoo import latents
from ganzoo.bundle.folder import BundleConfig, LatentSpec
from ganzoo.bundle.onnx_guard import check_onnx
from ganzoo.config.experiment import Config
from ganzoo.errors import BundleError, GanzooError
from ganzoo.exporters.truncation import SEEDS, style_mean
from ganzoo.inference.generator import Generator

pytest.importorskip("tensorflow")

from exporters.generators import TINY, randomise
from ganzoo.exporters.bundle import export_bundle
from ganzoo.training import networks

STYLEGAN2 = {"model": "stylegan2", "latent_dim": 6, "base_channels": 4, "mapping": {"layers": 2, "width": 5}}
SELF_MODULATED = {"latent_dim": 6, "base_channels": 4, "mapping": {"layers": 1, "width": 5}, "self_modulation": True}
FORMS = {"stylegan2": (STYLEGAN2, 0), "with classes": (STYLEGAN2, 6), "self-modulated": (SELF_MODULATED, 0)}


def expected(generator, config, z, label, psi):
    """w' = mean + psi (w - mean), with Keras' own parts of the generator."""
    import keras

    style = generator.get_layer(config.generator.mapping.last_layer).output
    mapping = keras.Model(generator.inputs, style)
    synthesis = keras.Model([style, *generator.inputs], generator.output)
    classes = [] if label is None else [label]
    count = SEEDS // 6 if classes else SEEDS
    seeds = latents.latents(range(count), dim=z.shape[1])
    mean = [
        np.asarray(mapping([seeds, *(np.full(count, k, np.int32) for k in [own] if classes)]), np.float64).mean(axis=0)
        for own in (label if classes else [0])
    ]
    w = np.asarray(mapping([z, *classes]))
    return np.asarray(synthesis([np.float32(mean + psi * (w - mean)), psi * z, *classes]))


@pytest.fixture(scope="module", params=FORMS)
def trained(request, tmp_path_factory):
    """Config, Keras generator and bundle."""
    generator, classes = FORMS[request.param]
    config = Config.read({**TINY, "name": "tiny", "generator": generator, "num_classes": classes})
    model = randomise(networks.build_generator(config))
    return config, model, export_bundle(model, config, tmp_path_factory.mktemp("truncation") / "bundle", fp16=True)


def test_the_graph_moves_the_style_towards_its_mean(trained):
    config, model, folder = trained
    generator = Generator.from_bundle(folder)
    z = generator.latents(range(4))
    labels = None if not config.num_classes else np.array([0, 1, 2, 1], np.int32)
    for psi in (0.0, 0.3, 1.0):
        wanted = expected(model, config, z, labels, psi)
        np.testing.assert_allclose(generator.decode(z, labels, truncation=psi), wanted, atol=1e-4)
    np.testing.assert_array_equal(generator.decode(z, labels), generator.decode(z, labels, truncation=1.0))


def test_every_way_to_samples_truncates(trained):
    config, _, folder = trained
    generator = Generator.from_bundle(folder)
    label = 1 if config.num_classes else None
    z, own = generator.latents([3, 8]), None if label is None else [1, 1]
    wanted = np.clip(np.rint((generator.decode(z, own, truncation=0.4) + 1) * 127.5), 0, 255).astype(int)
    plain = generator.sample([3, 8], label=label).astype(int)
    assert np.abs(plain - wanted).max() > 5
    walk = generator.iter_walk([3, 8], 2, label=label, truncation=0.4)
    row = np.asarray(generator.grid([3, 8], label=label, truncation=0.4, columns=2)).astype(int)
    ways = {
        "sample": generator.sample([3, 8], label=label, truncation=0.4),
        "generate": np.stack([np.asarray(image) for image in generator.generate([3, 8], label=label, truncation=0.4)]),
        "iter_samples": next(generator.iter_samples([3, 8], label=label, truncation=0.4)),
        "iter_walk": np.stack(list(walk)),
        "grid": np.stack([row[:, :16], row[:, 16:]]),
        "float16": Generator.from_bundle(folder, precision="float16").sample([3, 8], label=label, truncation=0.4),
    }
    for name, made in ways.items():
        assert np.abs(made.astype(int) - wanted).max() <= (3 if name == "float16" else 1), name


def test_a_truncation_of_0_is_one_image_for_all_seeds(trained):
    config, _, folder = trained
    label = 2 if config.num_classes else None
    one, other = Generator.from_bundle(folder).sample([0, 1], label=label, truncation=0.0).astype(int)
    assert np.abs(one - other).max() <= 1


def test_classes_have_their_own_mean(trained):
    config, model, _ = trained
    mean = style_mean(model, config)
    assert mean.values.shape == (config.num_classes or 1, 5)
    assert len(np.unique(mean.values, axis=0)) == len(mean.values)


def test_styles_can_be_mixed(trained):
    config, _, folder = trained
    label = 1 if config.num_classes else None
    for precision, most in (("float32", 1), ("float16", 3)):
        generator = Generator.from_bundle(folder, precision=precision)
        assert generator.style_heights in [(4, 8, 16), (4, 8)], "self-modulation has no layer of 16 px"
        plain = generator.sample([3, 8], label=label, truncation=0.4).astype(int)
        same = np.stack([np.asarray(image) for image in generator.mix([3, 8], [3, 8], label=label, truncation=0.4)])
        assert np.abs(same - plain).max() <= most
        mixed = np.asarray(generator.mix(3, 8, label=label, truncation=0.4)).astype(int)
        assert all(np.abs(mixed - image).max() > 5 for image in plain)


def test_mixing_splits_the_blocks_by_their_height(tmp_path):
    config = Config.read({**TINY, "name": "tiny", "generator": STYLEGAN2})
    model = randomise(networks.build_generator(config))
    for layer in model.layers:
        if layer.name.endswith("_style") and layer.name.startswith(("00_", "01_")):  # the blocks of 4 and 8 px
            layer.kernel.assign(1e-6 * layer.kernel)
    generator = Generator.from_bundle(export_bundle(model, config, tmp_path / "bundle"))
    one, other = generator.sample([3, 8]).astype(int)
    assert np.abs(one - other).max() > 5
    for crossover in (4, 8):
        mixed = np.asarray(generator.mix(3, 8, crossover=crossover))
        assert np.abs(mixed - other).max() <= 1, "the style of 3 has no effect"


def test_truncation_is_checked_as_in_other_models(trained):
    generator = Generator.from_bundle(trained[2])
    for call in (
        lambda: generator.generate(0, truncation=1.5),
        lambda: generator.interpolate(0, 1, 3, truncation=-0.1),
        lambda: generator.decode(generator.latents([0]), [0] * bool(generator.num_classes) or None, truncation=2),
    ):
        with pytest.raises(GanzooError, match="Truncation is a number from 0"):
            call()
    with pytest.raises(GanzooError, match=r"moves styles, not latents; use decode with truncation=0\.5"):
        generator.latents([0], truncation=0.5)


def test_only_such_bundles_have_the_key(trained):
    config = json.loads((trained[2] / "config.json").read_text())
    assert config["latent"] == {"dim": 6, "distribution": "normal", "truncation": "style"}
    assert LatentSpec(dim=6).to_dict() == {"dim": 6, "distribution": "normal"}
    older = {**config, "latent": {"dim": 6, "distribution": "normal"}}
    assert BundleConfig.from_dict(older).latent.truncation == "latent"
    with pytest.raises(BundleError, match=r"latent.truncation"):
        BundleConfig.from_dict({**config, "latent": {**config["latent"], "truncation": "pixels"}})


def no_default(graph):
    graph.initializer.remove(next(tensor for tensor in graph.initializer if tensor.name == "truncation"))


def other_default(graph):
    no_default(graph)
    graph.initializer.append(numpy_helper.from_array(np.array(0.5, np.float32), "truncation"))


def longer_default(graph):
    no_default(graph)
    graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "truncation"))


def no_input(graph):
    graph.input.remove(next(value for value in graph.input if value.name == "truncation"))


def one_more(graph):
    graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, []))
    graph.initializer.append(numpy_helper.from_array(np.array(1.0, np.float32), "more"))


def default_latent(graph):
    graph.initializer.append(numpy_helper.from_array(np.zeros((1, 6), np.float32), "latent"))


def size_from_input(graph):
    """A size that the caller of the graph could change."""
    image = graph.output[0].name
    for node in graph.node:
        node.output[:] = ["before" if name == image else name for name in node.output]
    graph.initializer.append(numpy_helper.from_array(np.array([4], np.int64), "four"))
    graph.node.append(helper.make_node("Expand", ["truncation", "four"], ["scales"]))
    graph.node.append(helper.make_node("Resize", ["before", "", "scales"], [image], mode="nearest"))


FORBIDDEN = {
    no_default: "must give its input 'truncation' the default 1",
    other_default: "must give its input 'truncation' the default 1",
    longer_default: "must give its input 'truncation' the default 1",
    no_input: "has the inputs",
    one_more: "has the inputs",
    default_latent: "a constant with the name of the input 'latent'",
    size_from_input: "a size that is only known at run time",
}


@pytest.mark.parametrize("change", FORBIDDEN)
def test_a_file_may_have_this_optional_input_and_no_other(change, trained):
    config = BundleConfig.from_dict(json.loads((trained[2] / "config.json").read_text()))
    model = onnx.load(trained[2] / "onnx" / "model.onnx")
    check_onnx(model.SerializeToString(), config)
    change(model.graph)
    with pytest.raises(BundleError, match=FORBIDDEN[change]):
        check_onnx(model.SerializeToString(), config)


def test_a_model_that_truncates_its_latent_has_no_such_input(trained):
    config = BundleConfig.from_dict(json.loads((trained[2] / "config.json").read_text()))
    plain = BundleConfig.from_dict({**config.to_dict(), "latent": {"dim": 6, "distribution": "normal"}})
    with pytest.raises(BundleError, match="has the inputs"):
        check_onnx((trained[2] / "onnx" / "model.onnx").read_bytes(), plain)
