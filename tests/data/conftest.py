"""Real image files of every awkward kind, made here."""

import io

import numpy as np
import pytest
from PIL import Image


def photo(seed=0, width=40, height=40):
    """A smooth colored picture, different for each seed: uint8 [height, width, 3]."""
    rng = np.random.RandomState(seed)
    small = rng.randint(0, 256, (4, 4, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def encoded(image, kind="PNG", **options):
    """The bytes of an image file."""
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, also for code that looks for the user's."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GANZOO_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    """No test downloads anything, and none finds what keras.datasets left for the user."""

    def refuse(*arguments, **options):
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras-home"))
