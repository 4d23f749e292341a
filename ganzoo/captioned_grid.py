"""A grid of images with text: a caption in front of each row, above each column, and above groups of columns.

Pillow draws the text with the font that it contains, and is imported inside functions.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ganzoo.images import MAX_SCALE, GridLayout, check_scale

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

_FONT, _LINE, _MARGIN = 13, 18, 6
_GROUP_GAP = 8
_LONGEST = 60
"""Longest caption in characters; a longer one is cut."""


class CaptionedGrid:
    """The layout of a grid with captions, for images that are generated in batches, row by row from left to right.

    Images are enlarged by a whole number, at most 16, until the captions above them fit.

    Args:
        shape: shape of one image: ``(height, width, channels)``.
        rows: the caption of each row.
        columns: the caption of each column.
        groups: the captions of groups of neighboring columns, which are equally large; empty for no groups.
        separator: pixels between images.
        scale: the smallest enlargement.

    Attributes:
        shape: shape of the whole picture: ``(height, width, channels)``.

    Raises:
        GanzooError: if a size is out of range.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        rows: Sequence[str],
        columns: Sequence[str],
        groups: Sequence[str] = (),
        separator: int = 1,
        scale: int = 1,
    ) -> None:
        if not rows or not columns or len(columns) % max(1, len(groups)):
            raise ValueError("there must be rows and columns, and groups of equal size")
        height, width, channels = shape
        self._rows, self._columns, self._groups = ([_cut(text) for text in texts] for texts in (rows, columns, groups))
        widest = max(map(_text_width, self._columns)) + 2
        each = len(columns) // max(1, len(groups))
        widest_group = max(map(_text_width, self._groups), default=0)
        needed = max(math.ceil(widest / width), math.ceil(widest_group / (each * width)), math.ceil(_LINE / height))
        factor = max(check_scale(scale), min(MAX_SCALE, needed))
        count = len(rows) * len(columns)
        self._grid = GridLayout(count, shape, columns=len(columns), separator=separator, scale=factor)
        self._cell, self._separator = width * factor, separator
        self._pitch = self._cell + separator
        self._margin = max(map(_text_width, self._rows)) + 2 * _MARGIN
        self._head = _LINE * (2 if groups else 1)
        gaps = _GROUP_GAP * max(0, len(groups) - 1)
        self.shape = (self._head + self._grid.shape[0], self._margin + self._grid.shape[1] + gaps, channels)

    def strips(self, batches: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """Yield the picture from the top: uint8 ``[pixels, W, c]``, from batches ``[k, h, w, c]``."""
        yield self._header()
        for text, strip in zip(self._rows, self._grid.strips(batches), strict=True):
            yield self._with_margin(text, self._spread(strip))

    def filled(self, batches: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """The whole picture: uint8 ``shape``."""
        return np.concatenate(list(self.strips(batches)))

    def _header(self) -> NDArray[np.uint8]:
        lines = [(self._columns, self._cell)]
        if self._groups:
            each = len(self._columns) // len(self._groups)
            lines.insert(0, (self._groups, self._pitch * each - self._separator))
        texts = []
        for line, (captions, width) in enumerate(lines):
            for index, text in enumerate(captions):
                left = self._left(index * len(self._columns) // len(captions)) + (width - _text_width(text)) / 2
                texts.append((max(0.0, left), line * _LINE + _LINE / 2, text))
        return _drawn((self._head, *self.shape[1:]), texts)

    def _left(self, column: int) -> int:
        """The left edge of a column in the whole picture."""
        group = column * len(self._groups) // len(self._columns)
        return self._margin + column * self._pitch + group * _GROUP_GAP

    def _spread(self, strip: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A row of the grid with more space between the groups."""
        if len(self._groups) < 2:
            return strip
        each = self._pitch * len(self._columns) // len(self._groups)
        at = [each * group for group in range(1, len(self._groups)) for _ in range(_GROUP_GAP)]
        return np.insert(strip, at, np.uint8(255), axis=1)

    def _with_margin(self, text: str, strip: NDArray[np.uint8]) -> NDArray[np.uint8]:
        middle = (len(strip) - self._separator) / 2
        margin = _drawn((len(strip), self._margin, strip.shape[2]), [(_MARGIN, middle, text)])
        return np.concatenate([margin, strip], axis=1)


def _drawn(shape: tuple[int, ...], texts: Iterable[tuple[float, float, str]]) -> NDArray[np.uint8]:
    """Black texts on white, uint8 ``shape``: each with its left edge and the middle of its height."""
    from PIL import Image, ImageDraw

    height, width, channels = shape
    canvas = Image.new("L", (width, height), 255)
    pen = ImageDraw.Draw(canvas)
    for left, middle, text in texts:
        pen.text((left, middle), text, fill=0, font=_font(), anchor="lm")
    pixels = np.repeat(np.asarray(canvas, np.uint8)[..., None], channels, axis=2)
    pixels[..., 3:] = 255  # opaque
    return pixels


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _text_width(text: str) -> int:
    return math.ceil(_font().getlength(text))


@functools.cache
def _font() -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(_FONT)
