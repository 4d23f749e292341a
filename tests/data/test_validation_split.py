"""``data.validation_split`` and ``data.subset`` of image folders."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganzoo.data.base import data_sources
from ganzoo.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 20 and 10 images, each image of one color of its own."""
    for label, count in (("a", 20), ("b", 10)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(count):
            color = (number, 0 if label == "a" else 255, 0)
            Image.new("RGB", (16, 16), color).save(tmp_path / "photos" / label / f"{number}.png")
    return tmp_path / "photos"


def colors(path: Path, cache: Path, **fields: object) -> list[tuple[int, ...]]:
    source = data_sources.create({"source": "image_folder", "path": str(path), "resolution": 16, **fields})
    return [tuple(pixel) for pixel in source.load(cache_dir=cache, quiet=True).samples[:, 0, 0]]


def test_parts_are_disjoint_complete_and_of_every_class(folder: Path, tmp_path: Path) -> None:
    training = colors(folder, tmp_path, validation_split=0.2)
    validation = colors(folder, tmp_path, validation_split=0.2, subset="validation")
    both = colors(folder, tmp_path, validation_split=0.2, subset="both")
    assert not set(training) & set(validation)
    assert sorted(training + validation) == sorted(both) == sorted(colors(folder, tmp_path))
    assert [sum(green == side for _, green, _ in validation) for side in (0, 255)] == [4, 2]


def test_labels_follow_their_images(folder: Path, tmp_path: Path) -> None:
    source = data_sources.create(
        {
            "source": "image_folder",
            "path": str(folder),
            "resolution": 16,
            "validation_split": 0.5,
            "subset": "validation",
        }
    )
    dataset = source.load(cache_dir=tmp_path, quiet=True)
    assert np.array_equal(dataset.labels, dataset.samples[:, 0, 0, 1] // 255)


def test_names_alone_decide(folder: Path, tmp_path: Path) -> None:
    before = colors(folder, tmp_path, validation_split=0.2, subset="validation")
    moved = folder.rename(tmp_path / "elsewhere")
    for path in moved.rglob("*.png"):
        path.touch()
    assert colors(moved, tmp_path, validation_split=0.2, subset="validation") == before


def test_a_class_of_one_image_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "c").mkdir()
    Image.new("RGB", (16, 16)).save(folder / "c" / "only.png")
    with pytest.raises(DataError, match=r"The class 'c' has 1 images, too few for data\.validation_split=0\.2"):
        colors(folder, tmp_path, validation_split=0.2)


def test_a_validation_part_needs_a_split(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"validation needs validation_split, for example 0\.1"):
        colors(folder, tmp_path, subset="validation")
