"""Tests extractors: their input, their output, and valid and broken ONNX files of users."""

import hashlib

import numpy as np
import onnx
import pytest
import tiny_bundles
from onnx import TensorProto, helper, numpy_helper

from ganzoo import testing
from ganzoo.errors import EvaluationError
from ganzoo.extractors import extractors
from ganzoo.sample_spec import SampleSpec

RNG = np.random.RandomState(0)
IMAGES = RNG.randint(0, 256, (5, 8, 8, 3)).astype(np.uint8)
WEIGHT = RNG.standard_normal((3, 4)).astype(np.float32)


def classifier(*, first=False, batch="batch", side=8, softmax=True, names=("features", "probabilities"), weight=WEIGHT):
    """Means of the channels, times a matrix, and the softmax of that."""
    axes = [2, 3] if first else [1, 2]
    shape = [batch, 3, side, side] if first else [batch, side, side, 3]
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "w"], [names[0]]),
        helper.make_node("Softmax" if softmax else "Identity", [names[0]], [names[1]]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 4]) for name in names]
    constants = [numpy_helper.from_array(np.array(axes), "axes"), numpy_helper.from_array(weight, "w")]
    taken = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    return tiny_bundles.make_model(nodes, taken, outputs, constants)


@pytest.fixture
def file(tmp_path):
    def write(model, name="net.onnx"):
        path = tmp_path / name
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path

    return write


def load(path, shape=(8, 8, 3), **fields):
    return extractors.create({"name": "onnx", "path": path, **fields}).load(SampleSpec(shape))


@pytest.mark.parametrize("shape", [(4, 4, 1), (20, 20, 3), (5,)])
def test_pixels_conform(shape):
    testing.check_extractor(extractors.create("pixels"), shape=shape)


@pytest.mark.parametrize("shape", [(20, 10, 3), (8, 12, 1), (8, 8, 4), (20, 12, 4)])
@pytest.mark.parametrize("name", ["pixels", "small_cnn"])
def test_images_that_are_not_square_and_transparency(name, shape):
    testing.check_extractor(extractors.create(name), shape=shape)
    loaded = extractors.create(name).load(SampleSpec(shape))
    assert ("on white" in loaded.resize) == (shape[2] == 4)
    assert ("stretched" in loaded.resize) == (shape[0] != shape[1])
    seen = RNG.randint(0, 256, (2, *shape)).astype(np.uint8)
    edges = seen.copy()
    edges[:, [0, -1]] = 255 - edges[:, [0, -1]]
    assert not np.array_equal(loaded.extract(seen)[0], loaded.extract(edges)[0]), "the ends were cut off"


@pytest.mark.parametrize("name", ["pixels", "small_cnn"])
def test_rgba_is_seen_as_rgb_on_white(name):
    clear = np.zeros((2, 16, 16, 4), np.uint8)
    white = np.full((2, 16, 16, 3), 255, np.uint8)
    features = extractors.create(name).load(SampleSpec((16, 16, 4))).extract(clear)[0]
    np.testing.assert_array_equal(features, extractors.create(name).load(SampleSpec((16, 16, 3))).extract(white)[0])


def test_onnx_conforms(file):
    testing.check_extractor(extractors.create({"name": "onnx", "path": file(classifier())}), shape=(8, 8, 3))


def test_an_extractor_that_mixes_samples_is_caught(monkeypatch):
    pixels = extractors.get("pixels")
    honest = pixels.load

    def lying(self, shape):
        loaded = honest(self, shape)
        object.__setattr__(loaded, "extract", lambda x: ((x.reshape(len(x), -1) - x.mean()).astype(np.float32), None))
        return loaded

    monkeypatch.setattr(pixels, "load", lying)
    with pytest.raises(AssertionError, match="depend on the other samples"):
        testing.check_extractor(pixels)


def test_pixels_are_means_from_0_to_1():
    features, probabilities = (
        extractors.create({"name": "pixels", "size": 4}).load(SampleSpec((8, 8, 3))).extract(IMAGES)
    )
    means = IMAGES.reshape(5, 4, 2, 4, 2, 3).mean((2, 4)) / 255
    np.testing.assert_allclose(features, means.reshape(5, -1), atol=1.1 / 255, err_msg="rounded twice")
    assert probabilities is None


def test_vectors_stay_as_they_are():
    points = RNG.standard_normal((7, 2)).astype(np.float32)
    loaded = extractors.create("pixels").load(SampleSpec((2,)))
    np.testing.assert_array_equal(loaded.extract(points)[0], points)
    assert loaded.label == "vectors"


@pytest.mark.parametrize(
    ("values", "scaled"),
    [("signed", IMAGES / 127.5 - 1), ("unit", IMAGES / 255), ("bytes", IMAGES.astype(float))],
)
@pytest.mark.parametrize("first", [False, True], ids=["nhwc", "nchw"])
def test_onnx_gives_what_the_graph_says(file, values, scaled, first):
    path = file(classifier(first=first))
    loaded = load(path, values=values)
    features, probabilities = loaded.extract(IMAGES)
    expected = scaled.mean((1, 2)) @ WEIGHT
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4)
    powers = np.exp(expected - expected.max(axis=1, keepdims=True))
    np.testing.assert_allclose(probabilities, powers / powers.sum(axis=1, keepdims=True), atol=1e-4)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (loaded.label, loaded.has_probabilities) == ("net", True)


def test_onnx_with_mean_and_deviation(file):
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    features, _ = load(file(classifier()), values="unit", mean=mean, std=std).extract(IMAGES)
    np.testing.assert_allclose(features, ((IMAGES / 255 - mean) / std).mean((1, 2)) @ WEIGHT, rtol=1e-4, atol=1e-4)
    with pytest.raises(EvaluationError, match="'mean' has 2 values"):
        load(file(classifier()), mean=(1.0, 2.0))


def test_onnx_resizes_and_names_its_outputs(file):
    path = file(classifier(side=4, names=("embedding", "classes")))
    loaded = load(path)
    assert loaded.extract(IMAGES)[1] is None, "no output is called probabilities"
    assert "4 x 4" in loaded.resize
    assert load(path, probabilities="classes").extract(IMAGES)[1].shape == (5, 4)
    with pytest.raises(EvaluationError, match="Did you mean 'embedding'"):
        load(path, features="embeding")


@pytest.mark.parametrize("batch", [1, 2, 5, 16])
def test_a_fixed_batch(file, batch):
    features, probabilities = load(file(classifier(batch=batch))).extract(IMAGES)
    assert len(probabilities) == len(IMAGES)
    np.testing.assert_allclose(features, (IMAGES / 127.5 - 1).mean((1, 2)) @ WEIGHT, rtol=1e-4, atol=1e-4)


def test_logits_are_no_probabilities(file):
    with pytest.raises(EvaluationError, match="softmax"):
        load(file(classifier(softmax=False))).extract(IMAGES)


def external(model):
    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return model


def vectors():
    return tiny_bundles.vector_model(latent_dim=4, dim=2)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (b"not an onnx file", "damaged"),
        (b"", "damaged"),
        (classifier().SerializeToString()[:-40], "damaged"),
        (external(classifier()), "external data"),
        (classifier(weight=WEIGHT * np.float32("nan")), "not finite"),
        (classifier(side="side"), "fixed size"),
        (vectors(), "its input is"),
    ],
    ids=["text", "empty", "cut", "external data", "NaN", "open size", "vectors"],
)
def test_broken_files_are_refused_in_one_line(file, model, message):
    with pytest.raises(EvaluationError, match=message) as caught:
        load(file(model))
    assert "net.onnx is not a usable extractor: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_large_graph_is_refused(file):
    numbers = {"shape": [2**20, 2**8, 2**8, 3], "zero": [0, 0], "one": [1, 1], "sides": [1, 2]}
    constants = [numpy_helper.from_array(np.array(value), name) for name, value in numbers.items()]
    nodes = [
        helper.make_node("Slice", ["x", "zero", "one", "sides"], ["pixel"]),
        helper.make_node("Expand", ["pixel", "shape"], ["large"]),
        helper.make_node("ReduceMean", ["large"], ["features"], axes=[1, 2], keepdims=0),
    ]
    taken = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 4, 3])]
    given = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 3])]
    with pytest.raises(EvaluationError, match=r"too large|allowed"):
        load(file(tiny_bundles.make_model(nodes, taken, given, constants, opset=17)))


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(EvaluationError, match="No such file"):
        load(tmp_path / "no.onnx")
    with pytest.raises(EvaluationError, match="needs a file"):
        extractors.create("onnx").load(SampleSpec((8, 8, 3)))


def test_vectors_and_onnx(file):
    loaded = load(file(vectors_to_features()), shape=(4,))
    points = RNG.standard_normal((6, 4)).astype(np.float32)
    assert loaded.extract(points)[0].shape == (6, 2)
    with pytest.raises(EvaluationError, match="vector of 3 values"):
        load(file(vectors_to_features()), shape=(3,))


def vectors_to_features():
    model = vectors()
    assert isinstance(model, onnx.ModelProto)
    return model


class FakeInception:
    """A replacement for keras.applications: an image -> 2 features and 3 classes."""

    def __init__(self, weights):
        import keras

        inputs = keras.Input((299, 299, 3))
        pooled = keras.layers.GlobalAveragePooling2D(name="avg_pool")(inputs)
        outputs = keras.layers.Dense(3, activation="softmax")(pooled)
        self.model = keras.Model(inputs, outputs)

    def __getattr__(self, name):
        return getattr(self.model, name)


def test_inception_without_network_and_with(monkeypatch):
    keras = pytest.importorskip("keras")
    inception = extractors.create("inception_v3")

    def offline(weights):
        raise Exception("URL fetch failure on https://...: None -- no network\nmore")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(EvaluationError, match="--extractor pixels") as caught:
        inception.load(SampleSpec((8, 8, 3)))
    assert "https:" not in str(caught.value)
    assert "\n" not in str(caught.value)

    monkeypatch.setattr(keras.applications, "InceptionV3", FakeInception)
    loaded = inception.load(SampleSpec((8, 8, 3)))
    features, probabilities = loaded.extract(np.full((2, 8, 8, 3), 255, np.uint8))
    np.testing.assert_allclose(features, 1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert loaded.canonical
    assert len(loaded.sha256) == 64
    with pytest.raises(EvaluationError, match="vectors"):
        inception.load(SampleSpec((2,)))
