"""Projections: the latent of an image."""

import tracemalloc

import numpy as np
import pytest
import tiny_bundles
from PIL import Image

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.inference.sampling import Sampler


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    return ganzoo.load(tiny_bundles.image_bundle(tmp_path_factory.mktemp("projection") / "b", num_classes=3).folder)


def test_an_image_of_the_generator_is_found(generator):
    target = generator.sample([5001], label=2)[0]
    found = generator.project(target, steps=40)
    assert found.error < 1.0 < found.start_error
    assert found.label == 2
    assert np.abs(found.latent - generator.latents([5001])[0]).max() < 0.2
    assert np.abs(found.image - np.rint((generator.decode(found.latent[None], [2])[0] + 1) * 127.5)).max() <= 1


def test_more_steps_are_not_worse(generator):
    target = np.random.default_rng(0).integers(0, 256, generator.shape, np.uint8)
    errors = [generator.project(target, label=0, steps=steps).error for steps in (0, 5, 40)]
    assert errors[0] == generator.project(target, label=0, steps=40).start_error
    assert errors[2] < errors[0]
    assert generator.project(target, label="index:1", steps=0).label == 1


def test_steps_are_counted(generator):
    seen = []
    generator.project(generator.sample([7])[0], steps=20, on_step=seen.append)
    assert seen == list(range(1, len(seen) + 1))
    assert 0 < len(seen) <= 20


def test_a_picture_of_another_size_is_cropped_in_the_middle(generator):
    wide = np.zeros((16, 40, 3), np.uint8)
    wide[:, 12:28] = 200
    found = generator.project(Image.fromarray(wide), steps=0)
    same = generator.project(np.full((8, 8, 3), 200, np.uint8), steps=0)
    assert found.error == same.error


def test_one_batch_of_images_is_in_memory(generator, monkeypatch):
    target = generator.sample([5001], label=2)[0]
    whole = generator.project(target, steps=0)
    monkeypatch.setattr(Sampler, "batch_size", 20)
    tracemalloc.start()
    found = generator.project(target, steps=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * target.size * 8, "bytes of 200 of the 510 images, in float64"
    assert (found.label, found.start_error) == (whole.label, pytest.approx(whole.start_error, abs=0.1))


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((8, 9, 3), np.uint8), {}, "uint8 image of shape"),
        (np.zeros((8, 8, 3), np.float32), {}, "received float32"),
        (np.zeros((8, 8, 3), np.uint8), {"steps": -1}, "0 to 1000 steps"),
        (np.zeros((8, 8, 3), np.uint8), {"label": 3}, "classes 0 to 2"),
    ],
)
def test_wrong_arguments(generator, image, options, message):
    with pytest.raises(GanzooError, match=message):
        generator.project(image, **options)


def test_vectors_are_not_projected(tmp_path):
    with pytest.raises(GanzooError, match="only images"):
        ganzoo.load(tiny_bundles.vector_bundle(tmp_path / "v").folder).project(np.zeros((2,), np.uint8))
