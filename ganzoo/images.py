"""Images: floats in [-1, 1] <-> uint8 <-> PIL, grids, and files that are written whole or not at all.

Arrays are NHWC with 1 (grey), 3 (RGB) or 4 (RGBA, straight colours) channels. PIL is imported inside the functions that
need it.
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

from ganzoo.environment import files
from ganzoo.errors import GanzooError, did_you_mean
from ganzoo.inference.arguments import whole_number

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383}
_HALF_RANGE = np.float32(127.5)


def to_uint8(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Floats in [-1, 1] of any shape -> uint8 of that shape.

    The value is ``rint((x + 1) * 127.5)``: the nearest of 256 levels, a tie to the even one. What lies outside
    [-1, 1] is clipped. ``from_uint8`` goes back exactly.

    Raises:
        GanzooError: if a value is not a number.
    """
    levels = (images + np.float32(1.0)) * _HALF_RANGE
    if levels.size and np.isnan(levels.max()):
        raise GanzooError("The images hold values that are not numbers (NaN), so there is nothing to show.")
    np.rint(levels, out=levels)
    np.clip(levels, 0, 255, out=levels)
    rounded: NDArray[np.uint8] = levels.astype(np.uint8)
    return rounded


def from_uint8(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """uint8 of any shape -> float32 in [-1, 1]: ``x / 127.5 - 1``."""
    return images.astype(np.float32) / _HALF_RANGE - np.float32(1.0)


def to_pil(image: NDArray[np.uint8]) -> Image:
    """A uint8 array ``[h, w, 1, 3 or 4]`` or ``[h, w]`` -> a PIL image, mode "L", "RGB" or "RGBA".

    Raises:
        GanzooError: if the array is of another type or shape.
    """
    from PIL import Image

    fits = image.ndim in (2, 3) and image.shape[2:] in ((), (1,), (3,), (4,))
    if image.dtype != np.uint8 or not fits or not image.size:
        raise GanzooError(f"An image is uint8 [h, w, 1, 3 or 4]; received {image.dtype} {list(image.shape)}.")
    return Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)


def on_white(image: Image) -> Image:
    """An RGBA image on a white ground, mode "RGB", for formats without transparency; others as they are."""
    from PIL import Image

    if image.mode != "RGBA":
        return image
    canvas = Image.new("RGBA", image.size, "white")
    canvas.alpha_composite(image)
    return canvas.convert("RGB")


def grid(
    images: NDArray[np.uint8], *, columns: int | None = None, separator: int = 0, background: int = 255
) -> NDArray[np.uint8]:
    """Lay uint8 ``[n, h, w, c]`` out in rows: uint8 ``[H, W, c]``, left to right, then down.

    Args:
        images: one image or more.
        columns: images in a row; by default a nearly square picture with few empty cells.
        separator: pixels between neighbours (none around the edge).
        background: grey level, 0-255, of the separators and the empty cells. In RGBA they are transparent, too.

    Raises:
        GanzooError: if a size is out of range or there is no image.
    """
    if images.ndim != 4 or images.dtype != np.uint8 or not images.size:
        raise GanzooError(f"A grid takes uint8 images [n, h, w, c]; received {images.dtype} {list(images.shape)}.")
    layout = GridLayout(len(images), images.shape[1:], columns=columns, separator=separator, background=background)
    return layout.filled([images])


class GridLayout:
    """The places of ``grid``, for images that are made batch by batch.

    Args:
        count: how many images there will be.
        shape: of one image: (height, width, channels).
        columns, separator, background: as in ``grid``.

    Attributes:
        shape: of the whole picture: (height, width, channels).

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
    ) -> None:
        what = "A grid has columns of at least 1, a separator of 0-1024 px and a background of 0-255"
        self._image = height, width, channels = shape
        if columns is None:
            columns = choose_columns(count, height=height, width=width)
        self.columns = min(whole_number(columns, low=1, what=what), count)
        self._rows = math.ceil(count / self.columns)
        self._gap = gap = whole_number(separator, low=0, high=1024, what=what)
        self._background = whole_number(background, low=0, high=255, what=what)
        self.shape = (self._rows * (height + gap) - gap, self.columns * (width + gap) - gap, channels)

    def strips(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Lay uint8 ``[k, h, w, c]`` out, one row of images at a time: uint8 ``[pixels, W, c]`` from the top."""
        images = itertools.chain.from_iterable(batches)
        height, width, channels = self._image
        for row in range(self._rows):
            gap = self._gap if row + 1 < self._rows else 0
            strip = np.full((height + gap, self.shape[1], channels), self._background, np.uint8)
            strip[..., 3:] = 0
            for column, image in enumerate(itertools.islice(images, self.columns)):
                left = column * (width + self._gap)
                strip[:height, left : left + width] = image
            yield strip

    def filled(self, batches: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """The whole picture: uint8 ``shape``."""
        pixels, top = np.empty(self.shape, np.uint8), 0
        for strip in self.strips(batches):
            pixels[top : top + len(strip)] = strip
            top += len(strip)
        return pixels


def choose_columns(count: int, *, height: int = 1, width: int = 1) -> int:
    """Columns for ``count`` images of one size: from square to twice as wide as high, with the fewest empty cells."""
    square = math.sqrt(count * height / width)
    first = min(max(1, math.ceil(square - 1e-9)), count)
    last = min(max(first, math.floor(2 * square)), count)
    return min(range(first, last + 1), key=lambda columns: (-count % columns, columns))


def encoded(image: Image | NDArray[np.uint8], form: str = "PNG") -> bytes:
    """A PIL image or a uint8 array as the bytes of a file, in one of the values of ``FORMATS``.

    PNG and WebP keep transparency. JPEG has none, so there transparent pixels are laid on white.
    """
    buffer = io.BytesIO()
    options = {} if form == "PNG" else {"quality": 95}
    picture = to_pil(image) if isinstance(image, np.ndarray) else image
    if max(picture.size) > _LONGEST_SIDE.get(form, max(picture.size)):
        size = f"{picture.size[0]} x {picture.size[1]}"
        raise GanzooError(f"{form} holds up to {_LONGEST_SIDE[form]} px a side, and this is {size}; write a .png.")
    (on_white(picture) if form == "JPEG" else picture).save(buffer, form, **options)
    return buffer.getvalue()


def save(image: Image | NDArray[np.uint8], path: str | os.PathLike[str]) -> Path:
    """Write a PIL image or a uint8 array as PNG, JPEG or WebP, by the suffix. Whole or not at all.

    Raises:
        GanzooError: if the suffix is unknown or the file cannot be written.
    """
    path = Path(path)
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        hint = did_you_mean(path.suffix.lower(), FORMATS)
        raise GanzooError(f"Cannot write '{path}': the suffix is none of {', '.join(FORMATS)}.{hint}")
    return write_atomic(path, encoded(image, form))


def write_atomic(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file under a temporary name and rename it, so a reader sees the old file or the new one, never a part.

    Missing parent folders are made.

    Raises:
        GanzooError: if it cannot be written; an older file is untouched then.
    """
    path = Path(path)
    try:
        files.write_file(path, content)
    except OSError as error:
        raise GanzooError(files.cannot_write(path, error)) from error
    return path
