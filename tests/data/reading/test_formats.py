"""Formats beyond those that everybody has: what they look like, what is read, what is missing for it."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.conftest import encoded, photo
from ganzoo.data import data_sources
from ganzoo.data.check import check
from ganzoo.data.reading import decode as decoding
from ganzoo.data.reading import formats
from ganzoo.data.reading.decode import BrokenImageError, flattened, opened, orientation, upright
from ganzoo.data.reading.formats import HEAD_BYTES, SUFFIXES, format_of, suffix_of
from ganzoo.errors import DataError


def heic(picture, exif=None):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    image = pillow_heif.from_pillow(Image.fromarray(picture))
    if exif is not None:
        image.info["exif"] = exif.tobytes()
    image.save(file, quality=95)
    return file.getvalue()


def any_format(kind, picture):
    return heic(picture) if kind == "HEIF" else encoded(picture, kind)


def pixels(data):
    return np.asarray(flattened(upright(opened(data)), 3)).astype(int)


KINDS = ["TIFF", "AVIF", "PPM", "HEIF"]
FUZZED = KINDS if formats.reads_heif() else KINDS[:-1]


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_comes_out(kind):
    picture = photo(1, 48, 40)
    assert np.abs(pixels(any_format(kind, picture)) - picture).mean() < 6


@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "HEIF"])
def test_turned_pictures_are_upright(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = photo(1, 48, 40)
    data = heic(picture, exif) if kind == "HEIF" else encoded(picture, kind, exif=exif)
    image = upright(opened(data))
    assert image.size == (40, 48)
    assert np.abs(np.asarray(image.convert("RGB")).astype(int) - np.rot90(picture, -1)).mean() < 6


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "RGBA", "LA"])
def test_tiff_of_every_mode(mode):
    gray = Image.new("RGB", (20, 20), (200, 200, 200)).convert(mode)
    assert pixels(encoded(gray, "TIFF")).shape == (20, 20, 3)


def test_sixteen_bits_are_scaled_and_floats_are_refused():
    levels = np.full((8, 8), 40000, np.uint16)
    for kind in ("TIFF", "PPM"):
        assert set(pixels(encoded(Image.fromarray(levels), kind)).ravel()) == {156}
    with pytest.raises(BrokenImageError, match="floating-point"):
        opened(encoded(Image.fromarray(np.ones((8, 8), np.float32)), "TIFF"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_formats_are_known_by_their_first_bytes(kind):
    head = any_format(kind, photo(1))[:HEAD_BYTES]
    assert format_of(head) == kind
    assert opened(any_format(kind, photo(1))).format == kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"BM",
        b"BMW is a maker of cars and motorbikes",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x20ftypisom\0\0\0\0mp42",
        b"GIF",
    ],
)
def test_other_first_bytes_are_no_image(data):
    assert format_of(data[:HEAD_BYTES]) is None


def test_brand_of_an_avif_that_begins_as_mif1():
    assert format_of(b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiaf") == "AVIF"


@pytest.mark.parametrize(("name", "suffix"), [("a/b.c/d", ""), ("a.JPG", ".jpg"), (".png", ""), ("x.tar.gz", ".gz")])
def test_suffix(name, suffix):
    assert suffix_of(name) == suffix


def test_no_suffix_is_in_two_tables():
    assert not formats.IMAGE_SUFFIXES & (formats.UNREAD_SUFFIXES | formats.NO_IMAGE_SUFFIXES)
    assert not formats.UNREAD_SUFFIXES & formats.NO_IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix[0] == "." for found in SUFFIXES.values() for suffix in found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_before_its_pixels_are_read(kind, monkeypatch):
    data = any_format(kind, photo(1, 100, 100))
    monkeypatch.setattr(decoding, "MAX_PIXELS", 9999)
    with pytest.raises(BrokenImageError, match="100 x 100 pixels"):
        opened(data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on damaged TIFFs
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_damaged_files_never_raise_anything_else(data):
    content = bytearray(any_format(data.draw(st.sampled_from(FUZZED)), photo(6, 24, 24)))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = opened(bytes(content[: data.draw(st.integers(0, len(content)))]))
        assert 1 <= orientation(image) <= 8
        upright(image)
    except BrokenImageError as error:
        assert "\n" not in str(error)


def test_a_tiff_that_pillow_does_not_read_is_named():
    with pytest.raises(BrokenImageError, match="TIFF"):
        opened(b"II*\x00" + struct.pack("<IH", 8, 0) + bytes(20))


def test_pillow_itself_is_left_as_it_was():
    pytest.importorskip("pillow_heif")
    opened(heic(photo(1)))
    assert "HEIF" not in Image.OPEN


def source(path, **fields):
    return data_sources.create({"source": "image_folder", "path": str(path), "resolution": 16, **fields})


def fill(folder):
    folder.mkdir()
    for index in range(6):
        (folder / f"IMG_{index}.HEIC").write_bytes(heic(photo(index)))
    for index in range(3):
        (folder / f"{index}.jpg").write_bytes(encoded(photo(9 + index), "JPEG"))


def test_heic_is_read(tmp_path, cache):
    fill(tmp_path / "data")
    assert len(source(tmp_path / "data").load()) == 9
    report = check(tmp_path / "data")
    assert (report.usable, report.formats, report.misnamed) == (9, {"HEIF": 6, "JPEG": 3}, {})


def test_heic_without_its_reader_is_broken_and_says_what_to_install(tmp_path, cache, monkeypatch):
    fill(tmp_path / "data")
    monkeypatch.setattr(decoding, "reads_heif", lambda: False)
    monkeypatch.setattr("ganzoo.data.reading.image_job.readers", lambda: "others")
    with pytest.raises(DataError, match=r"6 of 9 images .* pip install 'ganzoo-keras\[heic\]'"):
        source(tmp_path / "data").load()
    assert len(check(tmp_path / "data").broken) == 6
    assert len(source(tmp_path / "data", max_broken=1).load()) == 3
    monkeypatch.undo()
    monkeypatch.setenv("GANZOO_CACHE", str(cache))
    again = source(tmp_path / "data", max_broken=1).load()  # what could not be read then is read now
    assert len(again) == 9
    assert len(list((cache / "data").iterdir())) == 1
    assert source(tmp_path / "data").load().report.cached


def test_formats_by_content_under_any_name(tmp_path, cache):
    (tmp_path / "data").mkdir()
    for number, (name, kind) in enumerate({"a.jfif": "JPEG", "b.tif": "TIFF", "c": "PNG", "d.avif": "AVIF"}.items()):
        (tmp_path / "data" / name).write_bytes(encoded(photo(number), kind))
    (tmp_path / "data" / "e.cr2").write_bytes(b"II*\0raw")
    dataset = source(tmp_path / "data").load()
    assert len(dataset) == 4
    assert dataset.report.passed_over == {"of a format that is not read": ("e.cr2",)}


def test_readers_are_those_that_pillow_has(monkeypatch):
    complete = "JPEG PNG WEBP GIF BMP TIFF AVIF PPM"
    monkeypatch.setattr(formats, "reads_heif", lambda: False)
    Image.init()
    monkeypatch.setattr(Image, "OPEN", dict.fromkeys([*complete.split(), "XBM"]))
    formats.pillow_formats.cache_clear()
    assert formats.readers() == complete
    monkeypatch.delitem(Image.OPEN, "AVIF")
    formats.pillow_formats.cache_clear()
    assert formats.readers() == complete.replace("AVIF ", "")
    monkeypatch.undo()
    formats.pillow_formats.cache_clear()
