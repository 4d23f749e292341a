"""What a sample is: one object for images and vectors, the same from every place that provides it."""

import numpy as np
import pytest
import tiny_bundles

from ganzoo.config.experiment import Config
from ganzoo.data.base import Dataset, data_sources
from ganzoo.inference.generator import Generator
from ganzoo.sample_sheet import preview_latents, preview_options, preview_seeds
from ganzoo.sample_spec import SampleSpec


@pytest.mark.parametrize(
    ("shape", "is_image", "text"),
    [
        ((64, 48, 3), True, "64 x 48 px RGB"),
        ((28, 28, 1), True, "28 x 28 px grayscale"),
        ((8, 8, 4), True, "8 x 8 px RGBA"),
        ((2,), False, "vector of 2 values"),
    ],
)
def test_kind_and_text(shape, is_image, text):
    spec = SampleSpec(shape)
    assert spec.is_image == is_image
    assert spec.kind == ("image" if is_image else "vector")
    assert str(spec) == text
    assert spec.channels == shape[-1]
    assert not is_image or spec.size == shape[:2]


def test_everybody_provides_the_same_spec(tmp_path):
    config = Config.read(
        {"data": {"source": "ring8"}, "generator": {"model": "dense"}, "discriminator": {"model": "dense"}}
    )
    assert config.sample_spec == config.data.sample_spec == SampleSpec((2,))
    assert (
        Dataset(np.zeros((3, 4, 5, 1), np.uint8)).sample_spec
        == SampleSpec.of(np.zeros((1, 4, 5, 1)))
        == SampleSpec((4, 5, 1))
    )
    bundle = tiny_bundles.image_bundle(tmp_path / "b")
    assert (
        Generator.from_bundle(bundle.folder).sample_spec == bundle.config.sample_spec == SampleSpec(bundle.config.shape)
    )


def test_images_are_mirrored_if_they_flip_and_vectors_never():
    assert data_sources.create({"source": "numpy", "flip": True}).mirrored
    assert not data_sources.create({"source": "numpy"}).mirrored
    assert not data_sources.create({"source": "numpy", "flip": True, "vector_dim": 2}).mirrored
    assert not data_sources.create("ring8").mirrored


@pytest.mark.parametrize(("shape", "count"), [((8, 8, 3), 64), ((2,), 2500)])
def test_one_owner_of_the_preview_seeds(shape, count):
    spec = SampleSpec(shape)
    assert preview_seeds(spec) == range(count)
    assert f"--seeds 0-{count - 1} " in preview_options(spec)
    z, labels = preview_latents(spec, latent_dim=3, distribution="normal", num_classes=5)
    assert z.shape == (count, 3)
    np.testing.assert_array_equal(labels, np.arange(count) % 5)
    assert preview_latents(spec, latent_dim=3, distribution="normal", num_classes=0)[1] is None
