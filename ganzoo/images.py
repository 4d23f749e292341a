"""Images: conversion between floats in [-1, 1], uint8 and PIL, grids, and atomic writing of image files.

Arrays are NHWC with 1 (grayscale), 3 (RGB) or 4 (RGBA, straight colors) channels. PIL is imported inside functions.
"""

from __future__ import annotations

import io
import itertools
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganzoo.arguments import whole_number
from ganzoo.environment import files
from ganzoo.environment.places import expanded
from ganzoo.errors import GanzooError, did_you_mean

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
_HALF_RANGE = np.float32(127.5)
MAX_SCALE = 16
"""Largest factor of ``enlarged``."""


def to_uint8(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Convert floats in [-1, 1] of any shape to uint8 of the same shape.

    The result is ``rint((x + 1) * 127.5)``: the nearest of 256 levels, ties to even. Values outside [-1, 1] are
    clipped. ``to_uint8(from_uint8(x))`` is exactly ``x``.

    Raises:
        GanzooError: if a value is NaN.
    """
    levels = (images + np.float32(1.0)) * _HALF_RANGE
    if levels.size and np.isnan(levels.max()):
        raise GanzooError("The images have NaN values and cannot be shown.")
    np.rint(levels, out=levels)
    np.clip(levels, 0, 255, out=levels)
    rounded: NDArray[np.uint8] = levels.astype(np.uint8)
    return rounded


def from_uint8(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert uint8 of any shape to float32 in [-1, 1]: ``x / 127.5 - 1``."""
    return images.astype(np.float32) / _HALF_RANGE - np.float32(1.0)


def to_pil(image: NDArray[np.uint8]) -> Image:
    """Convert a uint8 array ``[h, w, 1, 3 or 4]`` or ``[h, w]`` to a PIL image of mode "L", "RGB" or "RGBA".

    Raises:
        GanzooError: if the array has another type or shape.
    """
    from PIL import Image

    fits = image.ndim in (2, 3) and image.shape[2:] in ((), (1,), (3,), (4,))
    if image.dtype != np.uint8 or not fits or not image.size:
        raise GanzooError(f"An image must be uint8 [h, w, 1, 3 or 4]; received {image.dtype} {list(image.shape)}.")
    return Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)


def on_white(image: Image) -> Image:
    """Composite an RGBA image on white, for formats without transparency. Other images are returned unchanged."""
    from PIL import Image

    if image.mode != "RGBA":
        return image
    canvas = Image.new("RGBA", image.size, "white")
    canvas.alpha_composite(image)
    return canvas.convert("RGB")


def grid(
    images: NDArray[np.uint8], *, columns: int | None = None, separator: int = 0, background: int = 255
) -> NDArray[np.uint8]:
    """Arrange images ``[n, h, w, c]`` in a grid: uint8 ``[H, W, c]``, row by row from left to right.

    Args:
        images: one or more uint8 images.
        columns: images per row. Default: a nearly square grid with few empty cells.
        separator: pixels between images (none at the edges).
        background: gray level, 0-255, of separators and empty cells. In RGBA they are also transparent.

    Raises:
        GanzooError: if a size is out of range or there are no images.
    """
    if images.ndim != 4 or images.dtype != np.uint8 or not images.size:
        raise GanzooError(f"A grid needs uint8 images [n, h, w, c]; received {images.dtype} {list(images.shape)}.")
    layout = GridLayout(len(images), images.shape[1:], columns=columns, separator=separator, background=background)
    return layout.filled([images])


class GridLayout:
    """The layout of ``grid``, for images that are generated in batches.

    Args:
        count: number of images.
        shape: shape of one image: ``(height, width, channels)``.
        columns, separator, background: as in ``grid``.
        scale: enlarges each image, as ``enlarged`` does.

    Attributes:
        shape: shape of the grid: ``(height, width, channels)``.

    Raises:
        GanzooError: if a size is out of range.
    """

    def __init__(
        self,
        count: int,
        shape: tuple[int, ...],
        *,
        columns: int | None = None,
        separator: int = 0,
        background: int = 255,
        scale: int = 1,
    ) -> None:
        what = "A grid has columns of at least 1, a separator of 0-1024 px and a background of 0-255"
        self._scale = check_scale(scale)
        height, width, channels = shape
        self._image = height, width, channels = height * scale, width * scale, channels
        if columns is None:
            columns = choose_columns(count, height=height, width=width)
        self.columns = min(whole_number(columns, low=1, what=what), count)
        self._rows = math.ceil(count / self.columns)
        self._gap = gap = whole_number(separator, low=0, high=1024, what=what)
        self._background = whole_number(background, low=0, high=255, what=what)
        self.shape = (self._rows * (height + gap) - gap, self.columns * (width + gap) - gap, channels)

    def strips(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Yield the grid row by row from the top: uint8 ``[pixels, W, c]``, from batches ``[k, h, w, c]``."""
        images = itertools.chain.from_iterable(batches)
        height, width, channels = self._image
        for row in range(self._rows):
            gap = self._gap if row + 1 < self._rows else 0
            strip = np.full((height + gap, self.shape[1], channels), self._background, np.uint8)
            strip[..., 3:] = 0
            for column, image in enumerate(itertools.islice(images, self.columns)):
                left = column * (width + self._gap)
                strip[:height, left : left + width] = enlarged(image, self._scale)
            yield strip

    def filled(self, batches: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """The whole grid: uint8 ``shape``."""
        pixels, top = np.empty(self.shape, np.uint8), 0
        for strip in self.strips(batches):
            pixels[top : top + len(strip)] = strip
            top += len(strip)
        return pixels


def check_scale(scale: int) -> int:
    """Return ``scale`` if it is a whole number from 1 to ``MAX_SCALE``.

    Raises:
        GanzooError: if not.
    """
    return whole_number(scale, low=1, high=MAX_SCALE, what=f"An image is enlarged 1 to {MAX_SCALE} times")


def enlarged(image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """An image ``[h, w, c]`` enlarged to ``[scale * h, scale * w, c]`` with the Lanczos filter."""
    if scale == 1:
        return image
    from PIL import Image

    height, width, channels = image.shape
    larger = to_pil(image).resize((scale * width, scale * height), Image.Resampling.LANCZOS)
    return np.asarray(larger, np.uint8).reshape(scale * height, scale * width, channels)


def choose_columns(count: int, *, height: int = 1, width: int = 1) -> int:
    """Columns of a grid with the fewest empty cells, whose aspect ratio is between square and twice as wide as high."""
    square = math.sqrt(count * height / width)
    first = min(max(1, math.ceil(square - 1e-9)), count)
    last = min(max(first, math.floor(2 * square)), count)
    return min(range(first, last + 1), key=lambda columns: (-count % columns, columns))


def encoded(image: Image | NDArray[np.uint8], form: str = "PNG") -> bytes:
    """Encode a PIL image or a uint8 array in a format, one of the values of ``FORMATS``.

    PNG and WebP keep transparency. JPEG does not support it, so transparent images are composited on white.
    """
    buffer = io.BytesIO()
    options = {} if form == "PNG" else {"quality": 95}
    picture = to_pil(image) if isinstance(image, np.ndarray) else image
    if max(picture.size) > _LONGEST_SIDE.get(form, max(picture.size)):
        size = f"{picture.size[0]} x {picture.size[1]}"
        raise GanzooError(
            f"{form} supports up to {_LONGEST_SIDE[form]} px per side; this image has {size}. Use .png instead."
        )
    (on_white(picture) if form == "JPEG" else picture).save(buffer, form, **options)
    return buffer.getvalue()


def save(image: Image | NDArray[np.uint8], path: str | os.PathLike[str]) -> Path:
    """Write a PIL image or a uint8 array as PNG, JPEG or WebP, depending on the suffix. The write is atomic.

    Raises:
        GanzooError: if the suffix is unknown or the file cannot be written.
    """
    path = expanded(path)
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        hint = did_you_mean(path.suffix.lower(), FORMATS)
        raise GanzooError(f"Cannot write '{path}': the suffix must be one of {', '.join(FORMATS)}.{hint}")
    return write_atomic(path, encoded(image, form))


def write_atomic(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file under a temporary name and rename it, so that readers never see a partial file.

    Missing parent folders are created.

    Raises:
        GanzooError: if it cannot be written. An existing file is unchanged then.
    """
    path = expanded(path)
    try:
        files.write_file(path, content)
    except OSError as error:
        raise GanzooError(files.cannot_write(path, error)) from error
    return path
