"""Tests ganzoo project."""

import io
import json

import numpy as np
import pytest
import tiny_bundles
from PIL import Image

import ganzoo
from ganzoo import images


@pytest.fixture
def photo(bundle, place):
    """An image of the generator, as a file."""
    path = place / "photo.png"
    images.save(ganzoo.load(bundle).sample([5001])[0], path)
    return path


def test_the_pair_and_the_error(command, bundle, photo, place):
    shown = command("project", "bundle", photo, "-o", "pair.png").stdout
    assert shown.startswith("error: 0.")
    pair = np.asarray(Image.open(place / "pair.png")).astype(int)
    assert pair.shape == (8, 17, 3)
    assert np.abs(pair[:, :8] - pair[:, 9:]).mean() < 1


def test_the_encoder_of_a_bundle_is_a_start_and_is_named(command, place):
    folder = tiny_bundles.image_bundle(place / "e", encoder=tiny_bundles.encoder_model()).folder
    images.save(ganzoo.load(folder).sample([5001])[0], place / "photo.png")
    result = command("project", "e", "photo.png", "--steps", "20")
    assert "Starting from the encoder of 'tiny', and from the most similar seeds." in result.stderr
    assert "levels (the encoder: " in result.stdout
    facts = json.loads(command("project", "e", "photo.png", "--json", "--steps", "0").stdout)
    assert facts["encoder_error"] > facts["error"]


def test_the_latent(command, bundle, photo, place):
    facts = json.loads(command("project", "bundle", photo, "--json", "-o", "z.npy").stdout)
    z = np.load(place / "z.npy")
    np.testing.assert_allclose(z[0], facts["latent"], rtol=1e-6)
    shown = images.to_uint8(ganzoo.load(bundle).decode(z))[0]
    assert np.abs(shown - np.asarray(Image.open(photo)).astype(int)).mean() == pytest.approx(facts["error"], abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bundle", "none.png"], "Cannot read the image 'none.png': No such file"),
        (["bundle", "broken.png"], "Cannot use the image 'broken.png'"),
        (["bundle", "empty.png"], "the image 'empty.png': is empty"),
        (["bundle", "photo.png", "-o", "pair.txt"], "the suffix must be"),
        (["bundle", "photo.png", "-o", "bundle/pair.png"], "is in the bundle"),
        (["bundle", "photo.png", "--label", "cat"], "has no classes"),
        (["vectors", "photo.png"], "generates vectors"),
        (["bundle", "."], "Is a directory"),
    ],
)
def test_mistakes_are_one_line(fails, bundle, photo, place, arguments, message):
    (place / "broken.png").write_bytes(photo.read_bytes()[:40])
    (place / "empty.png").touch()
    tiny_bundles.vector_bundle(place / "vectors")
    assert message in fails("project", *arguments)


def test_standard_output_is_only_the_picture(command, fails, bundle, photo, place):
    done = command("project", "bundle", photo, "--steps", "1", "-o", "-")
    assert done.stdout_bytes.startswith(b"\x89PNG")
    assert Image.open(io.BytesIO(done.stdout_bytes)).size == (17, 8)
    assert "error: " in done.stderr
    assert "Choose a file" in fails("project", "bundle", photo, "--json", "-o", "-")
