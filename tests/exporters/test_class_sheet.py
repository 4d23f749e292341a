"""``classes.png`` of a bundle: one seed in each row, one class in each column."""

import numpy as np
import pytest
from PIL import Image

import ganzoo
from exporters.generators import randomise, tiny_config
from ganzoo.bundle.folder import CLASSES, read_bundle
from ganzoo.exporters.bundle import export_bundle
from ganzoo.sample_sheet import classes_shown
from ganzoo.training import networks

pytestmark = pytest.mark.slow


def exported(folder, **changes):
    config = tiny_config(**changes)
    return export_bundle(randomise(networks.build_generator(config)), config, folder)


def test_each_row_is_a_seed_and_each_column_a_class(tmp_path):
    folder = exported(tmp_path / "b", num_classes=6)
    sheet = np.asarray(Image.open(folder / CLASSES))
    generator = ganzoo.load(folder)
    for label in (0, 5):
        images = generator.sample(range(6), label=label)
        left = 17 * label  # images of 16 px, and lines of 1 px between them
        for row, image in enumerate(images):
            found = sheet[17 * row : 17 * row + 16, left : left + 16]
            assert np.abs(found.astype(int) - image).max() <= 1
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f'<img src="{CLASSES}" alt="One seed in each row, one class in each column: 0, 1, 2, 3, 4, 5"' in card


def test_a_model_without_classes_has_none(tmp_path):
    folder = exported(tmp_path / "b")
    assert CLASSES not in read_bundle(folder).files
    assert CLASSES not in (folder / "README.md").read_text(encoding="utf-8")


def test_the_sheet_has_one_column_for_each_class(tmp_path):
    sheet = Image.open(exported(tmp_path / "b", num_classes=6) / CLASSES)
    assert sheet.size == (6 * 17 - 1, 6 * 17 - 1)
    assert classes_shown(100) == range(16)
