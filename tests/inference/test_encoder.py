"""encode: from images to latents, in every form that a user has, and what is refused. The graphs are real ones."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import onnxruntime
import pytest
import tiny_bundles
from onnx import numpy_helper
from PIL import Image

from ganzoo.bundle.folder import ENCODER, read_bundle
from ganzoo.errors import BundleError, GanzooError
from ganzoo.hub.reference import HubOptions
from ganzoo.inference.generator import Generator


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bundles.image_bundle(tmp_path_factory.mktemp("e") / "b", encoder=tiny_bundles.encoder_model()).folder


@pytest.fixture(scope="module")
def generator(folder):
    return Generator.from_bundle(folder)


@pytest.fixture
def image():
    return np.random.RandomState(0).randint(0, 256, (8, 8, 3)).astype(np.uint8)


def expected(folder, images):
    """Computed by ONNX Runtime alone, from uint8 images in the model's shape."""
    session = onnxruntime.InferenceSession(str(folder / ENCODER), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images.astype(np.float32) / 127.5 - 1})[0]


def test_every_form_of_an_image(generator, folder, image, tmp_path):
    Image.fromarray(image).save(tmp_path / "photo.png")
    wanted = expected(folder, image[None])
    for form in (
        image,
        image[None],
        [image],
        Image.fromarray(image),
        tmp_path / "photo.png",
        str(tmp_path / "photo.png"),
    ):
        latents = generator.encode(form)
        assert (latents.shape, latents.dtype) == ((1, 8), np.float32)
        np.testing.assert_allclose(latents, wanted, atol=1e-5)
    assert generator.decode(latents).shape == (1, 8, 8, 3)
    mixed = generator.encode([image, Image.fromarray(image), tmp_path / "photo.png"])
    np.testing.assert_allclose(mixed, np.repeat(wanted, 3, axis=0), atol=1e-5)
    np.testing.assert_allclose(generator.encode(iter([image])), wanted, atol=1e-5)


def test_other_sizes_are_cropped_in_the_middle_and_resized(generator, folder):
    wide = np.zeros((16, 40, 3), np.uint8)
    wide[:, 12:28] = 200
    wanted = expected(folder, np.full((1, 8, 8, 3), 200, np.uint8))
    for form in (wide, Image.fromarray(wide), [wide]):
        np.testing.assert_allclose(generator.encode(form), wanted, atol=1e-5)


def test_other_color_modes(generator, folder, image, tmp_path):
    gray = np.full((8, 8), 90, np.uint8)
    wanted = expected(folder, np.full((1, 8, 8, 3), 90, np.uint8))
    for form in (gray, gray[..., None], Image.fromarray(gray)):
        np.testing.assert_allclose(generator.encode(form), wanted, atol=1e-5)
    clear = np.dstack([image, np.zeros((8, 8), np.uint8)])
    Image.fromarray(clear).save(tmp_path / "clear.png")
    white = expected(folder, np.full((1, 8, 8, 3), 255, np.uint8))
    for form in (clear, Image.fromarray(clear), tmp_path / "clear.png"):
        np.testing.assert_allclose(generator.encode(form), white, atol=1e-5)


def test_the_orientation_of_a_photograph_is_applied(generator, image, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(image).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as opened:
        np.testing.assert_array_equal(generator.encode(opened), generator.encode(tmp_path / "turned.png"))
    upright = generator.encode(Image.fromarray(image).transpose(Image.Transpose.ROTATE_270))
    np.testing.assert_array_equal(generator.encode(tmp_path / "turned.png"), upright)


def test_many_images_are_encoded_in_batches(generator, folder):
    many = np.random.RandomState(0).randint(0, 256, (600, 8, 8, 3)).astype(np.uint8)
    np.testing.assert_allclose(generator.encode(many), expected(folder, many), atol=1e-5)


def test_vectors(tmp_path):
    encoder = tiny_bundles.encoder_model(kind="vector", shape=(2,), latent_dim=4)
    bundle = tiny_bundles.write_bundle(
        tmp_path / "v",
        config=tiny_bundles.vector_config(),
        onnx=tiny_bundles.vector_model().SerializeToString(),
        weights={},
        encoder=encoder.SerializeToString(),
    )
    generator = Generator.from_bundle(bundle)
    points = np.array([[0.5, 1.0], [2.0, -1.0]], np.float32)
    weight = numpy_helper.to_array(encoder.graph.initializer[0])
    np.testing.assert_allclose(generator.encode(points), points @ weight, atol=1e-6)
    assert generator.encode([0.5, 1.0]).shape == (1, 4)
    for wrong in ([[1.0, np.nan]], [[1.0, 2.0, 3.0]], [], "x.png", [[1.0], [1.0, 2.0]], np.zeros((1, 2, 2))):
        with pytest.raises(GanzooError) as caught:
            generator.encode(wrong)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("none.png", "Cannot read the image 'none.png': No such file or directory"),
        (".", "Cannot read the image '.': Is a directory"),
        ("a\0b.png", "must not contain a null byte"),
        ([], "one sample or more; received none"),
        (np.zeros((0, 8, 8, 3), np.uint8), "one sample or more; received none"),
        (np.full((8, 8, 3), np.nan, np.float32), "uint8 array .* received float32"),
        (np.full((2, 8, 8, 3), np.nan), "uint8 array .* received float64"),
        (np.zeros((8, 8, 5), np.uint8), r"received uint8 \[8, 8, 5\]"),
        (np.zeros((0, 8, 3), np.uint8), r"received uint8 \[0, 8, 3\]"),
        (np.zeros((1, 1, 8, 8, 3), np.uint8), r"received uint8 \[1, 1, 8, 8, 3\]"),
        (np.uint8(3), "received uint8"),
        ([None], "a path, a PIL image or a uint8 array; received NoneType"),
        (7, "received int"),
        (b"photo.png", "received bytes"),
        ({}, "one sample or more; received none"),
        (Image.new("RGB", (0, 4)), "4 x 0 pixels"),
        (Image.new("F", (4, 4)), "floating-point pixels"),
    ],
)
def test_what_is_no_image_is_one_line(generator, wrong, message):
    with pytest.raises(GanzooError, match=message) as caught:
        generator.encode(wrong)
    assert "\n" not in str(caught.value)


def test_damaged_images_are_one_line(generator, image, tmp_path):
    Image.fromarray(np.tile(image, (8, 8, 1))).save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello")
    for name, words in (("cut", "Cannot use"), ("empty", "is empty"), ("text", "is text")):
        with pytest.raises(GanzooError, match=words) as caught:
            generator.encode([image, tmp_path / f"{name}.png"])
        assert "\n" not in str(caught.value)
    with Image.open(tmp_path / "cut.png") as opened, pytest.raises(GanzooError, match="Cannot use the image"):
        generator.encode(opened)


def test_a_bundle_without_an_encoder_names_the_next_command(tmp_path, image):
    generator = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "plain"))
    assert not generator.has_encoder
    with pytest.raises(BundleError, match=r"has no encoder; .* ganzoo project .* IMAGE") as caught:
        generator.encode(image)
    assert "\n" not in str(caught.value)
    vectors = Generator.from_bundle(tiny_bundles.vector_bundle(tmp_path / "v"))
    with pytest.raises(BundleError, match=r"has no encoder; models of the objective bigan have one\.$"):
        vectors.encode([1.0, 2.0])


def test_a_damaged_or_missing_encoder_is_found_before_it_is_used(tmp_path, image):
    folder = tiny_bundles.image_bundle(tmp_path / "b", encoder=tiny_bundles.encoder_model()).folder
    content = (folder / ENCODER).read_bytes()
    generator = Generator.from_bundle(folder)
    for damaged in (content[: len(content) // 2], content[:-1] + bytes([content[-1] ^ 1])):
        (folder / ENCODER).write_bytes(damaged)
        for call in (lambda: generator.encode(image), lambda: generator.project(image), lambda: read_bundle(folder)):
            with pytest.raises(BundleError, match=r"onnx/encoder\.onnx (has|is damaged)") as caught:
                call()
            assert "\n" not in str(caught.value)
    (folder / ENCODER).unlink()
    with pytest.raises(BundleError, match=r"onnx/encoder\.onnx is missing"):
        generator.encode(image)
    assert generator.sample([1]).shape == (1, 8, 8, 3)


def unsafe(model):
    model.graph.node[-1].op_type = "Loop"
    return model


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (unsafe, "'Loop'"),
        (lambda model: tiny_bundles.encoder_model(shape=(4, 4, 3)), r"'image' float32 \[batch, 4, 4, 3\]"),
        (lambda model: tiny_bundles.encoder_model(latent_dim=9), r"'latent' float32 \[batch, 9\]"),
        (lambda model: tiny_bundles.image_model(), "inputs 'latent'"),
        (lambda model: tiny_bundles.critic_model(), "outputs 'logit'"),
    ],
)
def test_another_graph_never_reaches_onnx_runtime(tmp_path, monkeypatch, image, change, words):
    encoder = change(tiny_bundles.encoder_model())
    generator = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "b", encoder=encoder))
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: pytest.fail("a session was made"))
    with pytest.raises(BundleError, match=rf"onnx/encoder\.onnx: .*{words}"):
        generator.encode(image)


def test_latents_that_are_not_finite_are_refused(tmp_path, image):
    encoder = tiny_bundles.encoder_model()
    encoder.graph.node[-1].output[0] = "signed"
    encoder.graph.node.append(tiny_bundles.helper.make_node("Sqrt", ["signed"], ["latent"]))
    generator = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "b", encoder=encoder))
    with pytest.raises(BundleError, match="not finite"):
        generator.encode(np.full_like(image, 255))


@pytest.mark.parametrize("used", [False, True])
def test_pickled_and_copied(folder, image, used):
    generator = Generator.from_bundle(read_bundle(folder), hub=HubOptions(token="hf_secret"))
    wanted = Generator.from_bundle(folder).encode(image)
    if used:
        generator.encode(image)
    content = pickle.dumps(generator)
    assert b"hf_secret" not in content
    for other in (pickle.loads(content), copy.deepcopy(generator)):
        np.testing.assert_array_equal(other.encode(image), wanted)


def inverse(generator, target_seed, encoder):
    """The encoder with a bias that makes the latent of a seed of any image."""
    latent = generator.latents([target_seed])[0]
    for tensor in encoder.graph.initializer:
        if tensor.name == "w":
            tensor.CopyFrom(numpy_helper.from_array(np.zeros((192, 8), np.float32), "w"))
    encoder.graph.initializer.append(numpy_helper.from_array(latent, "bias"))
    encoder.graph.node[-1].output[0] = "unshifted"
    encoder.graph.node.append(tiny_bundles.helper.make_node("Add", ["unshifted", "bias"], ["latent"]))
    return encoder


@pytest.mark.parametrize("num_classes", [None, 3])
def test_a_projection_starts_from_the_encoder(tmp_path, num_classes):
    plain = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "plain", num_classes=num_classes))
    encoder = inverse(plain, 5001, tiny_bundles.encoder_model())
    bundle = tiny_bundles.image_bundle(tmp_path / "b", num_classes=num_classes, encoder=encoder)
    generator = Generator.from_bundle(bundle)
    target = generator.sample([5001], label=None if num_classes is None else 2)[0]
    found = generator.project(target, steps=0)
    assert found.error == found.encoder_error < 0.5 < found.start_error
    assert found.label == (None if num_classes is None else 2)
    assert plain.project(target, steps=0).encoder_error is None
    assert plain.project(target, steps=0).error == found.start_error


def test_a_bad_encoder_does_not_spoil_a_projection(tmp_path):
    encoder = tiny_bundles.encoder_model(scale=100.0)
    generator = Generator.from_bundle(tiny_bundles.image_bundle(tmp_path / "b", encoder=encoder))
    found = generator.project(generator.sample([5001])[0], steps=40)
    assert found.error < 1.0 < found.start_error < found.encoder_error
