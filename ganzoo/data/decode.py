"""The bytes of one image file -> an array of the wanted size, whatever the file holds.

- The content decides what a file is, not its suffix: JPEG, PNG, WebP, GIF (its first frame) and BMP are read.
- EXIF orientation is applied. Transparent pixels are laid on white. Palettes, CMYK and YCbCr become RGB.
- 16-bit grey is scaled to 8 bits over its full range, never clipped. Colour profiles are not applied.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.resize import Box, Filter, resized
from ganzoo.git_lfs import WHAT, is_pointer

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 80_000_000
"""An image with more is taken for a decompression bomb."""

Crop = Literal["center", "stretch", "pad"]
"""``center`` cuts the largest middle square, ``stretch`` ignores the aspect, ``pad`` adds white bars."""

BoxOf = Callable[[int, int], Box]
"""Width and height of an upright image -> the part of it to use."""

_ORIENTATION = 0x0112  # the EXIF tag
_OTHER_KINDS = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip"),
    (b"\x1f\x8b", "gzip"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<svg", "an SVG"),
    (b"<?xml", "XML"),
)


class BrokenImageError(ValueError):
    """A file that is no usable image; the message says why in a few words."""


def opened(data: bytes) -> Image:
    """An image whose header has been read, but not yet its pixels.

    Raises:
        BrokenImageError: if it is no image of a known format, or has too many pixels.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise BrokenImageError(_what_it_is(data)) from None
    except Exception as error:  # Pillow's readers raise many kinds on damaged headers
        raise BrokenImageError(_brief(error)) from error
    if image.width * image.height > MAX_PIXELS:
        raise BrokenImageError(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS // 10**6} million")
    return image


def orientation(image: Image) -> int:
    """EXIF orientation of an opened image, 1 to 8; 1 (upright) when there is none or it makes no sense."""
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF is no reason to lose the picture
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def upright(image: Image) -> Image:
    """An opened image with its pixels decoded and turned as its EXIF says, in the mode of the file.

    Raises:
        BrokenImageError: if the pixels are damaged or cut off.
    """
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    turn = turns.get(orientation(image))
    try:
        image.load()
        return image if turn is None else image.transpose(turn)
    except Exception as error:  # as in opened, on damaged pixels
        raise BrokenImageError(_brief(error)) from error


def flattened(image: Image, channels: int) -> Image:
    """A decoded image of any mode -> mode "L" (``channels`` 1) or "RGB" (3), transparency laid on white."""
    from PIL import Image

    mode = "RGB" if channels == 3 else "L"
    if image.mode.startswith("I"):  # 16-bit grey: "I;16", "I;16B", or "I" from some readers
        levels = np.asarray(image).astype(np.float32) / 257
        return Image.fromarray(np.rint(np.clip(levels, 0, 255)).astype(np.uint8)).convert(mode)
    if has_alpha(image):
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        return canvas.convert(mode)
    if image.mode == mode:
        return image
    if mode == "L" and image.mode in ("P", "CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    return image.convert(mode)


def has_alpha(image: Image) -> bool:
    """Whether an image says that pixels are transparent: by an alpha channel or by a transparent colour."""
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def decode(data: bytes, *, resolution: int, channels: int, crop: Crop | BoxOf, resample: Filter) -> NDArray[np.uint8]:
    """The bytes of an image file -> uint8 ``[resolution, resolution, channels]``.

    Args:
        data: the whole file.
        resolution: height and width of the result.
        channels: 1 or 3.
        crop: how to make it square, or a function that gives the part to use.
        resample: filter.

    Raises:
        BrokenImageError: if it is no usable image.
    """
    image = opened(data)
    width, height = image.size if orientation(image) < 5 else image.size[::-1]
    box = crop_box(crop, width, height)
    if image.format in ("JPEG", "MPO"):
        # A large JPEG is decoded at a half, a quarter or an eighth, but never below twice the wanted size.
        factor = min(1.0, 2 * resolution / max(1.0, min(box[2] - box[0], box[3] - box[1])))
        image.draft(None, (int(image.width * factor) + 1, int(image.height * factor) + 1))
    try:
        image = flattened(upright(image), channels)
        x, y = image.width / width, image.height / height
        box = (box[0] * x, box[1] * y, min(box[2] * x, image.width), min(box[3] * y, image.height))
        if crop == "pad":
            return _padded(image, resolution, channels, resample)
        image = resized(image, resolution, resolution, resample, box)
    except BrokenImageError:
        raise
    except Exception as error:
        raise BrokenImageError(_brief(error)) from error
    return np.asarray(image).reshape(resolution, resolution, channels)


def crop_box(crop: Crop | BoxOf, width: int, height: int) -> Box:
    """The part of an upright image of this size that is used.

    Raises:
        BrokenImageError: if the image is empty, or the part does not lie in it.
    """
    if width < 1 or height < 1:
        raise BrokenImageError(f"{width} x {height} pixels")
    if crop == "center":
        side = min(width, height)
        x, y = (width - side) // 2, (height - side) // 2
        return (x, y, x + side, y + side)
    if isinstance(crop, str):
        return (0, 0, width, height)
    left, top, right, bottom = crop(width, height)
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise BrokenImageError(f"{width} x {height} pixels do not hold the crop")
    return (left, top, right, bottom)


def _padded(image: Image, resolution: int, channels: int, resample: Filter) -> NDArray[np.uint8]:
    scale = resolution / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    canvas = np.full((resolution, resolution, channels), 255, np.uint8)
    left, top = (resolution - width) // 2, (resolution - height) // 2
    inner = np.asarray(resized(image, width, height, resample)).reshape(height, width, channels)
    canvas[top : top + height, left : left + width] = inner
    return canvas


def _what_it_is(data: bytes) -> str:
    if is_pointer(data):
        return f"is {WHAT}"
    start = data[:512].lstrip().lower()
    for magic, kind in _OTHER_KINDS:
        if start.startswith(magic.lower()):
            return f"is {kind}, not an image that can be read"
    try:
        data[:512].decode("ascii")
    except UnicodeDecodeError:
        return "is no image"
    return "is text, not an image"


def _brief(error: Exception) -> str:
    line = (str(error).splitlines() or [""])[0]
    return (line or type(error).__name__)[:120]
