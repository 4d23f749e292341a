"""The pictures of the README are those of the current pretrained models."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("pictures", REPOSITORY / "tools" / "pictures.py")
pictures = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(pictures)


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_is_current(name):
    with Image.open(pictures.FOLDER / name) as image:
        shown = np.asarray(image).astype(int)
    made = pictures.PICTURES[name]().squeeze()
    assert shown.shape == made.shape
    assert np.abs(shown - made).max() <= 1, f"{name} is old; run: python tools/pictures.py"


def test_the_readme_shows_them():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for name in pictures.PICTURES:
        assert f"](docs/images/{name})" in readme
