"""Trains short on images that are not square and on transparent images, from the config to generated images."""

import json

import numpy as np
import pytest
from helpers import values
from PIL import Image

import ganzoo
from ganzoo import images
from ganzoo.bundle.folder import read_bundle
from ganzoo.config.experiment import Config
from ganzoo.inference.animations import save_animation

pytestmark = pytest.mark.slow

pytest.importorskip("tensorflow")

CASES = {
    "upright": ("24x16", 3, "dcgan"),
    "lying, transparent": ("16x32", 4, "dcgan"),
    "square, transparent": (16, 4, "residual"),
    "upright, gray": ("12x8", 1, "dense"),
}
BLOCKS = {"dcgan": ("conv_transpose", "strided_conv"), "residual": ("residual_up", "residual_down")}
AUGMENT = {"name": "diff_augment", "adaptive": True, "padding": "reflect"}


@pytest.fixture(scope="module", params=CASES)
def trained(request, tmp_path_factory):
    """A run of two steps with penalty, augmentation, packing and minibatch_stddev, and its exported bundle."""
    resolution, channels, model = CASES[request.param]
    root = tmp_path_factory.mktemp("shapes")
    up, down = BLOCKS.get(model, ("dense", "dense"))
    generator = {"model": model, "block": up, "hidden": [8]}
    judge = {"model": model, "block": down, "hidden": [8], "packing": 2, "minibatch_stddev": True}
    path = root / "a.npy"
    data = {"source": "numpy", "resolution": resolution, "channels": channels, "path": str(path), "flip": True}
    plain = values(
        generator=generator, discriminator=judge, training={"augment": AUGMENT, "penalties": ["r1", "wgan_gp"]}
    )
    config = Config.read({**plain, "data": data})
    np.save(path, np.random.RandomState(0).randint(0, 256, (40, *config.sample_shape)).astype(np.uint8))
    run = ganzoo.train(config, steps=3, root=root / "runs", quiet=True)
    return run, ganzoo.load(ganzoo.export(run))


def test_the_run_has_pictures_of_that_shape(trained):
    run, generator = trained
    height, width, channels = generator.shape
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    sheets = [run.folder / "real.png", *(run.folder / "samples").glob("*.png"), generator.bundle.folder / "samples.png"]
    assert len(sheets) >= 3
    for sheet in sheets:
        with Image.open(sheet) as picture:
            assert picture.mode == mode
            assert (picture.height + 1) % (height + 1) == (picture.width + 1) % (width + 1) == 0
    events = list((run.folder / "tensorboard").iterdir())
    assert events


def test_the_bundle_keeps_format_1_and_says_its_shape(trained):
    _, generator = trained
    table = json.loads((generator.bundle.folder / "config.json").read_text(encoding="utf-8"))
    assert table["format_version"] == 1
    assert tuple(table["shape"]) == generator.shape
    assert generator.bundle.metadata.facts.parity_error < 1e-5
    assert read_bundle(generator.bundle.folder).config == generator.config
    card = (generator.bundle.folder / "README.md").read_text(encoding="utf-8")
    height, width, channels = generator.shape
    assert f"an image of {height} x {width} px" in card
    assert ("(height x width)" in card) == (height != width)
    assert ("transparency" in card) == (channels == 4)


def test_every_way_to_generate(trained, tmp_path):
    _, generator = trained
    height, width, channels = generator.shape
    samples = generator.sample(range(5))
    assert samples.shape == (5, height, width, channels)
    one = generator.generate(3)
    assert one.size == (width, height)
    np.testing.assert_array_equal(np.asarray(one).reshape(samples[3].shape), samples[3])
    assert generator.grid(range(4), columns=2, separator=1).size == (2 * width + 1, 2 * height + 1)
    walk = generator.interpolate(0, 1, 3)
    assert [frame.size for frame in walk] == [(width, height)] * 3
    assert generator.decode(generator.latents([0])).shape == (1, height, width, channels)
    for suffix in (".png", ".webp", ".jpg"):
        images.save(one, tmp_path / f"a{suffix}")
        with Image.open(tmp_path / f"a{suffix}") as read:
            assert read.size == (width, height)
            assert (read.mode == "RGBA") == (channels == 4 and suffix != ".jpg")
    save_animation(walk, tmp_path / "a.gif")
    save_animation(walk, tmp_path / "a.mp4")
    with Image.open(save_animation(walk, tmp_path / "a.webp")) as animation:
        assert animation.size == walk[0].size
    assert generator._repr_html_()
    assert walk._repr_png_()


@pytest.mark.parametrize("extractor", ["small_cnn", "pixels"])
def test_it_is_evaluated(trained, extractor, tmp_path):
    _, generator = trained
    found = ganzoo.evaluate(
        generator.bundle.folder, extractor=extractor, samples=16, draws=1, output=tmp_path / "metrics.json", quiet=True
    )
    assert found.numbers
