import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.conftest import encoded, photo
from ganzoo.data.reading import decode as decoding
from ganzoo.data.reading.decode import BrokenImageError, crop_box, decode


def read(data, *, resolution=40, channels=3, crop="center", resample="lanczos"):
    size = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    return decode(data, size=size, channels=channels, crop=crop, resample=resample)


def sixteen_bit_png(levels):
    """A 16-bit grayscale PNG, written byte by byte so that no library's idea of 16 bits is in it."""
    height, width = levels.shape

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "GIF", "JPEG"])
def test_every_format_gives_the_picture(kind):
    picture = photo(1)
    options = {"lossless": True} if kind == "WEBP" else {}
    difference = np.abs(read(encoded(picture, kind, **options)).astype(int) - picture)
    assert difference.mean() < {"JPEG": 6, "GIF": 12}.get(kind, 1e-9)


def test_sixteen_bit_gray_is_scaled_not_clipped():
    levels = np.linspace(0, 65535, 1600).reshape(40, 40).astype(np.uint16)
    result = read(sixteen_bit_png(levels), channels=1)[..., 0]
    assert np.abs(result - levels / 257).max() <= 0.5
    rgb = read(sixteen_bit_png(levels))
    assert (rgb == result[..., None]).all()


def test_transparent_pixels_lie_on_white():
    picture = np.dstack([photo(2), np.full((40, 40), 255, np.uint8)])
    picture[:20, :, 3] = 0
    picture[20:, :, 3] = 128
    result = read(encoded(picture)).astype(int)
    assert (result[:20] == 255).all()
    expected = picture[20:, :, :3] * (128 / 255) + 255 * (127 / 255)
    assert np.abs(result[20:] - expected).max() <= 1


def test_palette_with_a_transparent_color():
    image = Image.new("P", (40, 40), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 20, 40))
    result = read(encoded(image, transparency=0))
    assert (result[:, :20] == 255).all()  # the red half is transparent
    assert (result[:, 20:] == [0, 0, 255]).all()
    opaque = read(encoded(image))
    assert (opaque[:, :20] == [255, 0, 0]).all()


def test_gray_with_alpha_one_bit_and_palette_to_gray():
    gray_alpha = Image.new("LA", (8, 8), (100, 0))
    assert (read(encoded(gray_alpha), resolution=8) == 255).all()
    assert (read(encoded(Image.new("1", (8, 8), 1)), resolution=8) == 255).all()
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 0, 0])
    assert (read(encoded(palette), resolution=8, channels=1) == 76).all()  # ITU-R 601: 0.299 * 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("crop", ["center", "stretch", "pad"])
def test_exif_orientation(orientation, crop):
    upright = Image.fromarray(photo(3, 40, 24))
    stored = {
        1: lambda image: image,
        2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
        4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda image: image.transpose(Image.Transpose.ROTATE_90),  # a camera that says "turn by 270"
        7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = read(encoded(stored, exif=exif), resolution=16, crop=crop)
    assert (result == read(encoded(upright), resolution=16, crop=crop)).all()


def test_damaged_exif_does_not_lose_the_picture():
    assert (read(encoded(photo(4), exif=b"Exif\0\0nonsense")) == photo(4)).all()


def test_cmyk_jpeg():
    cmyk = Image.new("CMYK", (40, 40), (255, 0, 0, 0))  # cyan
    result = read(encoded(cmyk, "JPEG", quality=95)).reshape(-1, 3).mean(axis=0)
    assert result[0] < 40
    assert result[1] > 180
    assert result[2] > 180


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "lime")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (read(data, resolution=20) == [255, 0, 0]).all()


def test_crops_of_what_is_not_square():
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, 10:30] = 200
    assert (read(encoded(picture), resolution=20, crop="center") == 200).all()
    padded = read(encoded(picture), resolution=40, crop="pad")
    assert (padded[:10] == 255).all()
    assert (padded[10:30] == picture).all()
    assert (padded[30:] == 255).all()
    stretched = read(encoded(picture), resolution=40, crop="stretch", resample="area")
    assert stretched[:, 0].max() == 0
    assert stretched[:, 20].min() == 200


@pytest.mark.parametrize(("width", "height"), [(60, 40), (40, 60), (30, 61), (20, 40)])
def test_center_is_the_largest_middle_part_of_the_aspect(width, height):
    left, top, right, bottom = crop_box("center", width, height, (64, 32))
    assert (bottom - top) == pytest.approx(2 * (right - left))
    assert right - left == width or bottom - top == height
    assert abs(left + right - width) <= 2
    assert abs(top + bottom - height) <= 2


def test_crops_to_an_upright_format():
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:, 10:30] = 200
    assert (read(encoded(picture), resolution=(40, 20), crop="center") == 200).all()
    padded = read(encoded(picture), resolution=(60, 40), crop="pad")
    assert (padded[:10] == 255).all()
    assert (padded[10:50] == picture).all()
    stretched = read(encoded(picture), resolution=(40, 20), crop="stretch", resample="area")
    assert stretched[:, :5].max() == 0
    assert stretched[:, 5:15].min() == 200


def test_transparency_is_kept_with_four_channels():
    picture = np.dstack([photo(2), np.full((40, 40), 255, np.uint8)])
    picture[:20, :, 3] = 0
    picture[20:30, :, 3] = 128
    result = read(encoded(picture), channels=4)
    assert (result[..., 3] == picture[..., 3]).all()
    assert (result[20:] == picture[20:]).all()
    assert (read(encoded(photo(2)), channels=4) == np.dstack([photo(2), np.full((40, 40), 255)])).all()
    image = Image.new("P", (40, 40), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 20, 40))
    palette = read(encoded(image, transparency=0), channels=4)
    assert (palette[:, :20, 3] == 0).all()
    assert (palette[:, 20:] == [0, 0, 255, 255]).all()
    for mode, kind in (("L", "PNG"), ("1", "PNG"), ("CMYK", "JPEG")):
        assert (read(encoded(Image.new(mode, (8, 8)), kind), resolution=8, channels=4)[..., 3] == 255).all()
    assert (read(sixteen_bit_png(np.full((8, 8), 257 * 90)), resolution=8, channels=4) == [90, 90, 90, 255]).all()
    padded = read(encoded(picture[:20]), resolution=40, channels=4, crop="pad")
    assert (padded[..., 3] == 0).all()


def test_the_color_of_what_nobody_sees_enters_nowhere():
    """A red disc on transparent black: shrunk and laid on white, no edge is darker than red or white."""
    y, x = np.mgrid[:64, :64]
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[(x - 32) ** 2 + (y - 32) ** 2 < 600] = (255, 0, 0, 255)
    for resample in ("area", "lanczos"):
        result = read(encoded(picture), resolution=16, channels=4, resample=resample)
        assert result[..., 0].min() >= 250
        assert result[..., 1:3].max() <= 5
        assert (result[..., 3] % 255).max() > 0  # there are soft edges


def test_shrinking_averages():
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    picture = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    for resample in ("area", "lanczos"):
        result = read(encoded(picture), resolution=8, resample=resample)
        assert np.abs(result.astype(int) - 127).max() < 12


def test_large_jpeg_read_at_a_fraction_looks_the_same():
    picture = photo(5, 1600, 1200)
    result = read(encoded(picture, "JPEG", quality=95), resolution=32).astype(int)
    expected = read(encoded(picture), resolution=32)
    assert np.abs(result - expected).mean() < 2
    box = read(encoded(picture, "JPEG", quality=95), resolution=32, crop=lambda w, h: (801, 3, 1401, 603)).astype(int)
    expected = read(encoded(picture), resolution=32, crop=lambda w, h: (801, 3, 1401, 603))
    assert np.abs(box - expected).mean() < 2


def test_large_jpeg_keeps_the_detail_that_the_wanted_size_can_show():
    blocks = np.random.RandomState(0).randint(0, 256, (96, 96, 3)).astype(np.uint8)
    picture = blocks.repeat(3, axis=0).repeat(3, axis=1)
    result = read(encoded(picture, "JPEG", quality=95, subsampling=0), resolution=96, resample="area")
    assert np.abs(result.astype(int) - blocks).mean() < 4


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hello, I am a text file", "is text"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"%PDF-1.7\n%\xe2\xe3", "is a PDF"),
        (bytes(range(128, 256)), "is not an image"),
        (encoded(photo(1, 400, 400), "JPEG")[:2000], "truncated"),
        (encoded(photo(1))[:300], "."),
        (b"", "is empty"),
    ],
)
def test_lying_and_cut_files_say_why(data, why):
    with pytest.raises(BrokenImageError, match=why):
        read(data)


def test_other_image_formats_are_not_opened():
    with pytest.raises(BrokenImageError):
        read(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")


def test_decompression_bomb_is_refused_before_its_pixels_are_read():
    header = struct.pack(">IIBBBBB", 60000, 60000, 1, 0, 0, 0, 0)
    kind = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + kind + struct.pack(">I", zlib.crc32(kind))
    with pytest.raises(BrokenImageError):
        read(start + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    image = encoded(photo(1, 100, 100))
    limit = decoding.MAX_PIXELS
    decoding.MAX_PIXELS = 9999
    try:
        with pytest.raises(BrokenImageError, match="100 x 100 pixels"):
            read(image)
    finally:
        decoding.MAX_PIXELS = limit


def test_crop_outside_the_image_is_a_broken_image():
    with pytest.raises(BrokenImageError, match="are smaller than the crop"):
        read(encoded(photo(1)), crop=lambda width, height: (0, 20, width, height + 1))
    with pytest.raises(BrokenImageError, match="5 x 0"):
        crop_box("center", 0, 5, (8, 8))


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    resolution=st.tuples(st.integers(1, 48), st.integers(1, 48)),
    channels=st.sampled_from([1, 3, 4]),
    crop=st.sampled_from(["center", "stretch", "pad"]),
    resample=st.sampled_from(["area", "lanczos"]),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA"]),
)
def test_any_size_and_mode_gives_the_wanted_shape(width, height, resolution, channels, crop, resample, mode):
    data = encoded(Image.new("RGB", (width, height), (200, 200, 200)).convert(mode))
    result = read(data, resolution=resolution, channels=channels, crop=crop, resample=resample)
    assert result.shape == (*resolution, channels)
    assert result.dtype == np.uint8
    if mode not in ("1", "P"):
        assert result[..., :3].min() >= 199  # nothing but the gray of the picture and the white of the bars


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_damaged_files_never_raise_anything_else(data):
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP"]))
    content = bytearray(encoded(photo(6, 24, 24), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    try:
        result = read(bytes(content), resolution=8)
    except BrokenImageError as error:
        assert "\n" not in str(error)
    else:
        assert result.shape == (8, 8, 3)


def test_bytes_io_is_not_left_in_messages():
    with pytest.raises(BrokenImageError) as caught:
        read(io.BytesIO(b"GIF89a").getvalue())
    assert "BytesIO" not in str(caught.value)
