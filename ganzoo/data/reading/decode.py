"""The bytes of one image file -> an array of the wanted size, whatever the file holds.

- The content decides what a file is, not its suffix: JPEG, PNG, WebP, GIF (its first frame), BMP, TIFF (its first
  page), AVIF and PPM are read, and HEIC with pillow-heif.
- EXIF orientation is applied. Palettes, CMYK and YCbCr become RGB.
- Transparent pixels are laid on white, or with 4 channels kept (``ganzoo.data.reading.transparency``).
- 16-bit grey is scaled to 8 bits over its full range, never clipped. Colour profiles are not applied.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.formats import HEAD_BYTES, HEIF_ADVICE, PILLOW_FORMATS, format_of, reads_heif
from ganzoo.data.reading.resize import Box, Filter, middle, resized
from ganzoo.data.reading.transparency import as_array, with_channels
from ganzoo.environment.git_lfs import WHAT, is_pointer
from ganzoo.errors import reason
from ganzoo.sample_spec import COLOR_MODES

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 80_000_000
"""An image with more is taken for a decompression bomb."""

Crop = Literal["center", "stretch", "pad"]
"""``center`` cuts the largest middle part of the wanted aspect, ``stretch`` ignores the aspect, ``pad`` adds bars:
white, or transparent where there is an alpha channel.
"""

BoxOf = Callable[[int, int], Box]
"""Width and height of an upright image -> the part of it to use."""

_ORIENTATION = 0x0112  # the EXIF tag
_OTHER_KINDS = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip"),
    (b"\x1f\x8b", "gzip"),
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
        image = (
            _heif(data) if format_of(data[:HEAD_BYTES]) == "HEIF" else Image.open(io.BytesIO(data), formats=_known())
        )
    except BrokenImageError:
        raise
    except UnidentifiedImageError:
        raise BrokenImageError(_what_it_is(data)) from None
    except Exception as error:  # Pillow's readers raise many kinds on damaged headers
        raise BrokenImageError(_brief(error)) from error
    if image.mode == "F":
        raise BrokenImageError("holds floating-point pixels, and nothing tells which of them is white")
    if image.width * image.height > MAX_PIXELS:
        raise BrokenImageError(
            f"{image.height} x {image.width} pixels (height x width), more than {MAX_PIXELS // 10**6} million"
        )
    return image


@cache
def _known() -> tuple[str, ...]:
    """The formats that this version of Pillow has; to ask for one that it lacks is an error there."""
    from PIL import Image

    Image.init()
    return tuple(name for name in PILLOW_FORMATS if name in Image.OPEN)


def _heif(data: bytes) -> Image:
    """A HEIC image. pillow-heif is not registered with Pillow, as that would change Pillow for the whole process."""
    if not reads_heif():
        raise BrokenImageError(HEIF_ADVICE)
    from pillow_heif import HeifImageFile

    image: Image = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
    return image


def orientation(image: Image) -> int:
    """How the pixels are to be turned, as in EXIF, 1 to 8; 1 (upright) when nothing or nonsense is there.

    Pillow turns a TIFF itself, and libheif a HEIC: these are upright.
    """
    if image.format == "TIFF":
        return 1
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
    """A decoded image of any mode -> mode "L" (``channels`` 1), "RGB" (3) or "RGBA" (4).

    Without an alpha channel in the result, transparent pixels are laid on white; in mode "RGBA" they are kept.
    """
    from PIL import Image

    if image.mode.startswith("I"):  # 16-bit grey: "I;16", "I;16B", or "I" from some readers
        levels = np.asarray(image).astype(np.float32) / 257
        return Image.fromarray(np.rint(np.clip(levels, 0, 255)).astype(np.uint8)).convert(COLOR_MODES[channels])
    return with_channels(image, channels)


def decode(
    data: bytes, *, size: tuple[int, int], channels: int, crop: Crop | BoxOf, resample: Filter
) -> NDArray[np.uint8]:
    """The bytes of an image file -> uint8 ``[height, width, channels]``.

    Args:
        data: the whole file.
        size: ``(height, width)`` of the result.
        channels: 1, 3 or 4 (straight colours and alpha; see ``ganzoo.data.reading.transparency``).
        crop: how to give it the wanted aspect, or a function that gives the part to use.
        resample: filter.

    Raises:
        BrokenImageError: if it is no usable image.
    """
    image = opened(data)
    width, height = image.size if orientation(image) < 5 else image.size[::-1]
    box = crop_box(crop, width, height, size)
    if image.format in ("JPEG", "MPO"):
        # A large JPEG is decoded at a half, a quarter or an eighth, but never below twice the wanted size.
        needed = max(size[0] / max(1.0, box[3] - box[1]), size[1] / max(1.0, box[2] - box[0]))
        factor = min(1.0, 2 * needed)
        image.draft(None, (int(image.width * factor) + 1, int(image.height * factor) + 1))
    try:
        image = flattened(upright(image), channels)
        x, y = image.width / width, image.height / height
        box = (box[0] * x, box[1] * y, min(box[2] * x, image.width), min(box[3] * y, image.height))
        if crop == "pad":
            return as_array(_padded(image, size, resample), channels)
        return as_array(resized(image, size[1], size[0], resample, box), channels)
    except BrokenImageError:
        raise
    except Exception as error:
        raise BrokenImageError(_brief(error)) from error


def crop_box(crop: Crop | BoxOf, width: int, height: int, size: tuple[int, int]) -> Box:
    """The part of an upright image of this width and height that is used for a result of ``size``, (height, width).

    Raises:
        BrokenImageError: if the image is empty, or the part does not lie in it.
    """
    if width < 1 or height < 1:
        raise BrokenImageError(f"{height} x {width} pixels")
    if crop == "center":
        return middle(width, height, size)
    if isinstance(crop, str):
        return (0, 0, width, height)
    left, top, right, bottom = crop(width, height)
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise BrokenImageError(f"{height} x {width} pixels (height x width) do not hold the crop")
    return (left, top, right, bottom)


def _padded(image: Image, size: tuple[int, int], resample: Filter) -> Image:
    from PIL import Image as Images

    scale = min(size[0] / image.height, size[1] / image.width)
    width, height = (max(1, round(side * scale)) for side in image.size)
    ground = (255, 255, 255, 0) if image.mode == "RGBA" else "white"
    canvas = Images.new(image.mode, size[::-1], ground)
    canvas.paste(resized(image, width, height, resample), ((size[1] - width) // 2, (size[0] - height) // 2))
    return canvas


def _what_it_is(data: bytes) -> str:
    if is_pointer(data):
        return f"is {WHAT}"
    kind = format_of(data[:HEAD_BYTES])
    if kind is not None:
        return f"is a damaged {kind}, or one of a kind that Pillow does not read"
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
    return reason(error)[:120]
