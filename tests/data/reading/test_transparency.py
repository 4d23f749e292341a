"""The colors of pixels that nobody sees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ganzoo.data.reading.transparency import filled, on_white, with_channels


@settings(max_examples=60, deadline=None)
@given(
    image=arrays(np.uint8, st.tuples(st.integers(1, 17), st.integers(1, 17), st.just(4))),
    ground=st.integers(0, 255),
)
def test_the_picture_stays_on_any_ground(image, ground):
    result = filled(image)
    assert result.dtype == np.uint8
    assert (result[..., 3] == image[..., 3]).all()
    seen = image[..., 3] >= 16
    assert (result[seen] == image[seen]).all()
    weight = image[..., 3:] / 255
    before, after = (weight * picture[..., :3] + (1 - weight) * ground for picture in (image, result))
    assert np.abs(before - after).max() <= 4.1


def test_unseen_pixels_take_the_colors_around_them():
    image = np.zeros((20, 30, 4), np.uint8)
    image[8:12, 4:8] = (250, 0, 0, 255)
    image[8:12, 22:26] = (0, 0, 250, 255)
    result = filled(image).astype(int)
    assert (result[..., :3].sum(axis=2) >= 200).all(), "black is left"
    assert result[10, 1, 0] > 200
    assert result[10, 28, 2] > 200
    steps = np.abs(np.diff(result[..., :3], axis=1)).max(axis=(0, 2))
    assert steps[8:21].max() < 130, "the way from one color to the other has a hard edge"


def test_nothing_but_transparent_pixels_becomes_white():
    assert (filled(np.zeros((5, 3, 4), np.uint8)) == [255, 255, 255, 0]).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_every_number_of_channels(mode):
    image = Image.new("RGB", (3, 2), (200, 200, 200)).convert(mode)
    for channels, wanted in ((1, "L"), (3, "RGB"), (4, "RGBA")):
        assert with_channels(image, channels).mode == wanted
    assert on_white(image).mode == "RGB"
