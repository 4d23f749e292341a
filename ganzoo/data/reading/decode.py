"""Decodes one image file to an array of the requested size.

- The format is detected from the content, not from the suffix: JPEG, PNG, WebP, GIF (first frame), BMP, TIFF (first
  page), AVIF, PPM, and HEIC with pillow-heif.
- EXIF orientation is applied. Palettes, CMYK and YCbCr are converted to RGB.
- Transparent images are composited on white, or keep their transparency with 4 channels
  (``ganzoo.data.reading.transparency``).
- 16-bit grayscale is scaled from its full range to 8 bits, never clipped. Color profiles are not applied.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.formats import HEAD_BYTES, HEIF_ADVICE, format_of, pillow_formats, reads_heif
from ganzoo.data.reading.resize import Box, Filter, middle, resized
from ganzoo.data.reading.transparency import as_array, with_channels
from ganzoo.environment.git_lfs import WHAT, is_pointer
from ganzoo.errors import reason
from ganzoo.sample_spec import COLOR_MODES

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 80_000_000
"""An image with more pixels counts as a decompression bomb."""

Crop = Literal["center", "stretch", "pad"]
"""``center`` crops the largest center part with the requested aspect ratio, ``stretch`` ignores the aspect ratio, and
``pad`` adds white bars (transparent bars in an image with alpha channel).
"""

BoxOf = Callable[[int, int], Box]
"""A function from width and height of an upright image to the box to use."""

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
    """A file that is not a usable image. The message is the reason, in a few words."""


def opened(data: bytes) -> Image:
    """Open an image: read its header, but not its pixels.

    Raises:
        BrokenImageError: if the data are not an image of a supported format, or it has too many pixels.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        image = (
            _heif(data)
            if format_of(data[:HEAD_BYTES]) == "HEIF"
            else Image.open(io.BytesIO(data), formats=pillow_formats())
        )
    except BrokenImageError:
        raise
    except Image.DecompressionBombError:
        raise BrokenImageError(f"its header claims more than {MAX_PIXELS // 10**6} million pixels") from None
    except UnidentifiedImageError:
        raise BrokenImageError(_what_it_is(data)) from None
    except Exception as error:  # Pillow raises many exceptions on damaged headers
        raise BrokenImageError(_brief(error)) from error
    if image.mode == "F":
        raise BrokenImageError("has floating-point pixels of unknown range")
    if image.width * image.height > MAX_PIXELS:
        raise BrokenImageError(
            f"{image.height} x {image.width} pixels (height x width), more than {MAX_PIXELS // 10**6} million"
        )
    return image


def _heif(data: bytes) -> Image:
    """Open a HEIC image. pillow-heif is not registered, because that changes Pillow for the whole process."""
    if not reads_heif():
        raise BrokenImageError(HEIF_ADVICE)
    from pillow_heif import HeifImageFile

    image: Image = HeifImageFile(io.BytesIO(data))  # type: ignore[no-untyped-call]
    return image


def orientation(image: Image) -> int:
    """The EXIF orientation of the pixels, 1 to 8; 1 (upright) if it is missing or invalid.

    Pillow applies the orientation of a TIFF itself, and libheif that of a HEIC, so these are upright.
    """
    if image.format == "TIFF":
        return 1
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # the image is usable without its EXIF
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def upright(image: Image) -> Image:
    """Decode the pixels of an opened image and apply its EXIF orientation. The mode stays that of the file.

    Raises:
        BrokenImageError: if the pixels are damaged or truncated.
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
    """Convert a decoded image of any mode to mode "L" (``channels`` 1), "RGB" (3) or "RGBA" (4).

    Transparent images are composited on white, unless the result has an alpha channel.
    """
    from PIL import Image

    if image.mode.startswith("I"):  # 16-bit grayscale: "I;16", "I;16B", or "I" from some readers
        levels = np.asarray(image).astype(np.float32) / 257
        return Image.fromarray(np.rint(np.clip(levels, 0, 255)).astype(np.uint8)).convert(COLOR_MODES[channels])
    return with_channels(image, channels)


def decode(
    data: bytes, *, size: tuple[int, int], channels: int, crop: Crop | BoxOf, resample: Filter
) -> NDArray[np.uint8]:
    """Decode an image file to uint8 ``[height, width, channels]``.

    Args:
        data: the content of the file.
        size: ``(height, width)`` of the result.
        channels: 1, 3 or 4 (straight colors and alpha, see ``ganzoo.data.reading.transparency``).
        crop: how to change the aspect ratio, or a function that returns the box to use.
        resample: filter.

    Raises:
        BrokenImageError: if the file is not a usable image.
    """
    image = opened(data)
    width, height = image.size if orientation(image) < 5 else image.size[::-1]
    box = crop_box(crop, width, height, size)
    if image.format in ("JPEG", "MPO"):
        # A large JPEG is decoded at 1/2, 1/4 or 1/8 of its size, but at least at twice the requested size.
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
    """The box of an upright image of this width and height that is used for a result of ``size``, (height, width).

    Raises:
        BrokenImageError: if the image is empty, or the box is not inside the image.
    """
    if width < 1 or height < 1:
        raise BrokenImageError(f"{height} x {width} pixels")
    if crop == "center":
        return middle(width, height, size)
    if isinstance(crop, str):
        return (0, 0, width, height)
    left, top, right, bottom = crop(width, height)
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise BrokenImageError(f"{height} x {width} pixels (height x width) are smaller than the crop")
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
    if not data:
        return "is empty"
    if is_pointer(data):
        return f"is {WHAT}"
    kind = format_of(data[:HEAD_BYTES])
    if kind is not None:
        return f"is a damaged {kind}, or a variant that Pillow does not support"
    start = data[:512].lstrip().lower()
    for magic, kind in _OTHER_KINDS:
        if start.startswith(magic.lower()):
            return f"is {kind}, not a supported image"
    try:
        data[:512].decode("ascii")
    except UnicodeDecodeError:
        return "is not an image"
    return "is text, not an image"


def _brief(error: Exception) -> str:
    return reason(error)[:120]
