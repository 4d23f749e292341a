"""Tests ``ganzoo.create_model``."""

import keras
import numpy as np
import pytest
from helpers import tiny, tiny_vectors

import ganzoo
from ganzoo.config import yaml_files
from ganzoo.config.zoo import load_config
from ganzoo.errors import BundleError, ConfigError, GanzooError, MissingDependencyError, UnknownNameError
from ganzoo.exporters.bundle import export_bundle
from ganzoo.training.networks import build_discriminator, build_generator


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle that does not record its training."""
    return export_bundle(build_generator(tiny()), tiny(), tmp_path_factory.mktemp("source") / "b")


def test_the_two_models_are_those_that_train_starts_with(tmp_path):
    made = ganzoo.create_model(tiny(), seed=5)
    assert made.config == tiny(training={"seed": 5})
    generator, discriminator = made
    assert (generator, discriminator) == (made.generator, made.discriminator)
    assert same(generator, build_generator(made.config))
    assert same(discriminator, build_discriminator(made.config))
    images = generator([np.zeros((3, 4), np.float32)])
    assert images.shape == (3, 8, 8, 1)
    assert discriminator([images]).shape == (3, 1)


def test_a_name_a_file_and_changes(tmp_path):
    changes = ["generator.base_channels=4", "discriminator.base_channels=4"]
    named = ganzoo.create_model("dcgan-faces-32", overrides=changes)
    assert named.config == load_config("dcgan-faces-32", changes)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml_files.dump({"extends": "dcgan-faces-32", "generator": {"base_channels": 4}}))
    assert ganzoo.create_model(path, overrides=changes[1:]).config == named.config.replace(name="mine")
    photos = ganzoo.create_model("dcgan-portraits-128", data=tmp_path, overrides=changes)
    assert photos.config.data.path == tmp_path


def test_pretrained_weights_make_the_images_of_the_model():
    made = ganzoo.create_model("digits-28", pretrained=True)
    assert made.config.name == "cdcgan-mnist"
    assert made.config.training.init_from == "zoo:digits-28@1"
    loaded = ganzoo.load("digits-28")
    z, labels = loaded.latents([3, 4]), np.array([1, 7], np.int32)
    images = keras.ops.convert_to_numpy(made.generator([z, labels], training=False))
    np.testing.assert_allclose(images, loaded.decode(z, labels), atol=1 / 255)


def test_the_config_of_a_pretrained_model_finds_its_weights():
    by_config, by_name = (ganzoo.create_model(name, pretrained=True) for name in ("cdcgan-mnist", "digits-28"))
    assert by_config.config.training.init_from == "zoo:digits-28@1"
    assert same(by_config.generator, by_name.generator)


def test_a_pretrained_name_without_pretrained_is_its_config_with_random_weights():
    made = ganzoo.create_model("digits-28")
    assert made.config.training.init_from is None
    assert made.config.name == "cdcgan-mnist"
    assert same(made.generator, build_generator(made.config))


def test_a_run_gives_weights_too(tmp_path):
    run = ganzoo.train(tiny_vectors(), root=tmp_path, quiet=True)
    for what in (run.folder, run.name):
        made = ganzoo.create_model(what, pretrained=True, root=tmp_path)
        assert made.config.name == "points"
        z = np.ones((2, 2), np.float32)
        points = ganzoo.load(run.folder).decode(z)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(made.generator([z])), points, atol=1e-5)


def test_init_from_of_a_config_is_followed(bundle):
    made = ganzoo.create_model(tiny(training={"init_from": str(bundle), "seed": 9}))
    assert same(made.generator, build_generator(tiny()))
    assert not same(made.discriminator, build_discriminator(tiny()))


@pytest.mark.parametrize(
    ("what", "options", "kind", "message"),
    [
        ("dcgan-faces-23", {}, UnknownNameError, "Did you mean 'dcgan-faces-32'"),
        ("nothing", {"pretrained": True}, UnknownNameError, "No bundle, run or model named 'nothing'"),
        (
            "dense-ring8",
            {"pretrained": True},
            ConfigError,
            "no pretrained weights for the config 'dense-ring8'",
        ),
        ("faces-64@99", {}, UnknownNameError, "faces-64@99"),
        (3, {}, GanzooError, r"Received 3 \(int\); allowed is a model of the zoo"),
        (None, {"pretrained": True}, GanzooError, "Received None"),
        ("no.yaml", {"pretrained": True}, ConfigError, "there is no such file"),
        ("dcgan-faces-32", {"overrides": ["training.stesp=1"]}, ConfigError, "no such key"),
        ("dense-ring8", {"data": "x"}, ConfigError, "makes its own samples"),
        ("dense-ring8", {"precision": "bfloat16"}, ConfigError, "Did you mean 'mixed_bfloat16'"),
        ("dense-ring8", {"precision": None}, ConfigError, "precision: received None; allowed is float32 or"),
        ("dense-ring8", {"seed": -1}, ConfigError, "training.seed = -1"),
        (
            "digits-28",
            {"pretrained": True, "overrides": ["generator.latent_dim=4"]},
            ConfigError,
            "zoo:digits-28@1 does not fit this generator",
        ),
        (
            "digits-28",
            {"pretrained": True, "overrides": ["training.init_from=faces-64"]},
            ConfigError,
            "both name weights",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(what, options, kind, message):
    with pytest.raises(kind, match=message) as raised:
        ganzoo.create_model(what, **options)
    assert str(raised.value).partition("\nSee all")[0].count("\n") == 0


def test_a_bundle_without_its_training_is_one_line(bundle):
    with pytest.raises(BundleError, match="does not record its training's config"):
        ganzoo.create_model(bundle, pretrained=True)


def test_names_are_checked_before_tensorflow(monkeypatch):
    monkeypatch.setattr("ganzoo.environment.requirements.find_spec", lambda module: None)
    with pytest.raises(UnknownNameError):
        ganzoo.create_model("nosuch")
    with pytest.raises(MissingDependencyError, match="Building a model needs tensorflow and keras"):
        ganzoo.create_model("dense-ring8")
