"""Tests grids of images with captions."""

import numpy as np
import pytest

from ganzoo import images
from ganzoo.captioned_grid import CaptionedGrid


def noise(count, shape=(40, 40, 3)):
    return np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)


def dark(pixels):
    return int((pixels < 100).any(axis=2).sum())


def test_the_images_are_those_of_the_grid_without_captions():
    cells = noise(6)
    picture = CaptionedGrid((40, 40, 3), rows=["one", "two"], columns=["a", "b", "c"]).filled([cells])
    plain = images.grid(cells, columns=3, separator=1)
    np.testing.assert_array_equal(picture[-plain.shape[0] :, -plain.shape[1] :], plain)


def test_every_row_column_and_group_has_its_caption():
    white = np.full((8, 40, 40, 3), 255, np.uint8)
    layout = CaptionedGrid((40, 40, 3), rows=["one", "two"], columns=["a", "b"] * 2, groups=["left", "right"])
    picture = layout.filled([white])
    assert picture.shape == layout.shape
    first, second = picture[-81:-41], picture[-40:]
    assert dark(first) and dark(second) and dark(picture[:-81])
    assert not dark(first[:, -170:]) and not dark(second[:, -170:]), "no text on the images"
    half = picture.shape[1] - 85
    assert dark(picture[:18, :half]) and dark(picture[:18, half:]), "a caption above each group"
    changed = CaptionedGrid((40, 40, 3), rows=["one", "six"], columns=["a", "b"] * 2, groups=["left", "right"])
    assert (changed.filled([white])[-40:] != second).any()


def test_small_images_are_enlarged_until_the_captions_fit():
    layout = CaptionedGrid((8, 8, 1), rows=["x"], columns=["strength", "s"])
    picture = layout.filled([noise(2, (8, 8, 1))])
    cell = (picture.shape[0] - 18) / 8
    assert cell == int(cell) and 5 <= cell <= 10, "enlarged by a whole number"
    assert CaptionedGrid((8, 8, 1), rows=["x"], columns=["s" * 999]).shape[0] == 18 + 16 * 8, "at most 16 times"


def test_small_images_are_enlarged_until_the_caption_of_a_group_fits():
    one = {"rows": ["x"], "columns": ["1", "2"], "separator": 0}
    plain, grouped = (CaptionedGrid((16, 16, 1), **one, groups=groups) for groups in ((), ["a long caption"]))
    assert plain.shape[1] < grouped.shape[1]
    picture = grouped.filled([np.full((2, 16, 16, 1), 255, np.uint8)])
    assert not dark(picture[:18, :10]) and not dark(picture[:18, -1:]), "the caption is not cut"


def test_batches_of_any_size_make_the_same_picture():
    cells = noise(6, (16, 20, 4))
    layout = CaptionedGrid((16, 20, 4), rows=["1", "2"], columns=["a", "b", "c"], separator=0)
    whole = layout.filled([cells])
    np.testing.assert_array_equal(layout.filled([cells[:4], cells[4:]]), whole)
    assert (whole[:18, :, 3] == 255).all(), "captions are opaque"
    assert sum(len(strip) for strip in layout.strips([cells])) == layout.shape[0]


@pytest.mark.parametrize("wrong", [{"rows": []}, {"columns": []}, {"groups": ["x", "y"]}])
def test_wrong_captions(wrong):
    with pytest.raises(ValueError, match="groups of equal size"):
        CaptionedGrid((8, 8, 3), **{"rows": ["a"], "columns": ["1", "2", "3"], **wrong})
