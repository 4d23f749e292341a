import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ganzoo.inference.png_stream import write_png

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(list(MODES)), st.integers(1, 4), st.integers(0, 99))
def test_a_png_reads_back_exactly(height, width, channels, rows, seed):
    rng = np.random.RandomState(seed)
    pixels = rng.randint(0, 256, (height, width, channels)).astype(np.uint8)
    file = io.BytesIO()
    write_png(file, (pixels[top : top + rows] for top in range(0, height, rows)), shape=pixels.shape)
    image = Image.open(file)
    assert image.mode == MODES[channels]
    np.testing.assert_array_equal(np.asarray(image).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_smooth_picture_is_about_as_small_as_pillow_makes_it(channels):
    slope = np.add.outer(np.arange(256), np.arange(256)) // 2
    pixels = np.repeat(slope[..., None], channels, axis=2).astype(np.uint8)
    ours, theirs = io.BytesIO(), io.BytesIO()
    write_png(ours, [pixels], shape=pixels.shape)
    Image.fromarray(pixels.squeeze()).save(theirs, "PNG")
    assert ours.tell() < 1.2 * theirs.tell()
