from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ganzoo import images
from ganzoo.errors import GanzooError
from ganzoo.inference.animations import save_animation

RNG = np.random.RandomState(0)
RGB = RNG.randint(0, 256, (5, 7, 3)).astype(np.uint8)
RGBA = RNG.randint(0, 256, (5, 7, 4)).astype(np.uint8)
Gray = RNG.randint(0, 256, (5, 7, 1)).astype(np.uint8)


def test_every_level_goes_there_and_back():
    levels = np.arange(256, dtype=np.uint8)
    floats = images.from_uint8(levels)
    assert floats.dtype == np.float32
    assert floats[0] == -1
    assert floats[-1] == 1
    np.testing.assert_array_equal(images.to_uint8(floats), levels)


@given(st.floats(-1, 1, width=32))
def test_rounding_goes_to_the_nearest_level(value):
    level = int(images.to_uint8(np.array([value], np.float32))[0])
    assert abs((value + 1) * 127.5 - level) <= 0.5 + 1e-4


def test_ties_go_to_the_even_level():
    exact = np.array([0.5 / 127.5 - 1, 0.0], np.float64)
    np.testing.assert_array_equal(images.to_uint8(exact), [0, 128])


def test_what_lies_outside_is_clipped():
    np.testing.assert_array_equal(images.to_uint8(np.array([-9, 9, np.inf, -np.inf], np.float32)), [0, 255, 255, 0])


def test_nan_is_an_error():
    with pytest.raises(GanzooError, match="NaN"):
        images.to_uint8(np.array([[0.0, np.nan]], np.float32))


@pytest.mark.parametrize(("array", "mode"), [(RGB, "RGB"), (Gray, "L"), (Gray[..., 0], "L"), (RGBA, "RGBA")])
def test_to_pil(array, mode):
    image = images.to_pil(array)
    assert image.mode == mode
    assert image.size == (7, 5)
    np.testing.assert_array_equal(np.asarray(image).reshape(array.shape), array)


def test_a_grid_of_transparent_images_keeps_alpha_and_has_transparent_gaps():
    sheet = images.grid(np.stack([RGBA] * 3), columns=2, separator=1)
    assert sheet.shape == (11, 15, 4)
    np.testing.assert_array_equal(sheet[:5, :7], RGBA)
    assert (sheet[5, :, 3] == 0).all()
    assert (sheet[6:, 8:, 3] == 0).all()


@pytest.mark.parametrize(("suffix", "mode"), [("png", "RGBA"), ("webp", "RGBA"), ("jpg", "RGB"), ("gif", "P")])
def test_files_keep_transparency_or_lay_it_on_white(tmp_path, suffix, mode):
    array = np.zeros((16, 16, 4), np.uint8)
    array[:8] = (255, 0, 0, 255)
    path = tmp_path / f"a.{suffix}"
    save_animation([array, array], path) if suffix == "gif" else images.save(array, path)
    with Image.open(path) as image:
        assert image.mode == mode
        found = np.asarray(image.convert("RGBA"))
    assert (found[12, :, 3] == (0 if mode == "RGBA" else 255)).all()
    if mode != "RGBA":
        assert (found[12, :, :3] >= 250).all()
    assert np.abs(found[2, 2].astype(int) - [255, 0, 0, 255]).max() < 10


@pytest.mark.parametrize("array", [RGB.astype(np.float32), RGB[..., :2], RGB[None], RGB[:0]])
def test_to_pil_refuses_other_arrays(array):
    with pytest.raises(GanzooError, match="An image must be uint8"):
        images.to_pil(array)


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (7, 4), (8, 4), (10, 5), (16, 4), (64, 8), (100, 10)]
)
def test_columns_are_chosen_for_few_empty_cells(count, columns):
    assert images.choose_columns(count) == columns


@given(
    n=st.integers(1, 30), columns=st.integers(1, 9) | st.none(), separator=st.integers(0, 3), c=st.sampled_from([1, 3])
)
def test_every_image_stands_in_its_cell(n, columns, separator, c):
    batch = np.random.RandomState(n).randint(0, 255, (n, 3, 4, c)).astype(np.uint8)
    sheet = images.grid(batch, columns=columns, separator=separator, background=255)
    width = min(columns or images.choose_columns(n, height=3, width=4), n)
    rows = -(-n // width)
    assert sheet.shape == (rows * (3 + separator) - separator, width * (4 + separator) - separator, c)
    for index, image in enumerate(batch):
        y, x = index // width * (3 + separator), index % width * (4 + separator)
        np.testing.assert_array_equal(sheet[y : y + 3, x : x + 4], image)
    assert (sheet == 255).sum() == sheet.size - batch.size


@pytest.mark.parametrize("options", [{"columns": 0}, {"separator": -1}, {"background": 256}])
def test_grid_refuses_sizes_out_of_range(options):
    with pytest.raises(GanzooError, match="columns of at least 1"):
        images.grid(RGB[None], **options)


def test_grid_refuses_other_arrays():
    with pytest.raises(GanzooError, match="needs uint8 images"):
        images.grid(RGB)


@pytest.mark.parametrize("array", [RGB, Gray])
@pytest.mark.parametrize("suffix", [".png", ".PNG", ".jpg", ".jpeg", ".webp"])
def test_save_writes_what_the_suffix_says(tmp_path, array, suffix):
    path = images.save(array, tmp_path / "new" / f"a{suffix}")
    with Image.open(path) as image:
        assert image.format == images.FORMATS[suffix.lower()]
        assert image.size == (7, 5)
        if suffix.lower() == ".png":
            np.testing.assert_array_equal(np.asarray(image).reshape(array.shape), array)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_save_writes_into_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert images.save(RGB, "~/a.png") == tmp_path / "home/a.png"
    assert [path.name for path in tmp_path.iterdir()] == ["home"], "no folder that is called ~"


@pytest.mark.parametrize("name", ["a", "a.", "a.tiff", "a.pngg"])
def test_an_unknown_suffix_is_one_line_and_no_file(tmp_path, name):
    with pytest.raises(GanzooError, match=r"one of \.png, \.jpg, \.jpeg, \.webp") as caught:
        images.save(RGB, tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_near_suffix_is_suggested(tmp_path):
    with pytest.raises(GanzooError, match=r"Did you mean '\.png'"):
        images.save(RGB, tmp_path / "a.pngg")


@pytest.mark.parametrize(("suffix", "side"), [(".webp", 16_384), (".jpg", 65_501)])
def test_a_picture_that_is_too_long_for_its_format_is_one_line(tmp_path, suffix, side):
    with pytest.raises(GanzooError, match=r"px per side; .*Use \.png instead\.$"):
        images.save(np.zeros((1, side, 1), np.uint8), tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path, size_limit):
    path = tmp_path / "a.png"
    images.save(RGB, path)
    before = path.read_bytes()
    with size_limit(20), pytest.raises(GanzooError, match=f"Cannot write '{path}': {os.strerror(errno.EFBIG)}"):
        images.save(Gray, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_parent_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GanzooError, match="Cannot write"):
        images.save(RGB, tmp_path / "file" / "a.png")
