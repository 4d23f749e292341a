"""Writes a PNG row by row, so that an image of any size needs the memory of a few rows."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Channels -> gray, gray and alpha, RGB, RGBA."""


def write_png(file: BinaryIO, strips: Iterable[NDArray[np.uint8]], *, shape: tuple[int, int, int]) -> None:
    """Write an 8-bit PNG.

    Every row uses the filter with the smallest sum of absolute values, as the specification recommends (W3C PNG, 12.7).

    Args:
        file: open for writing; it need not be seekable.
        strips: rows of the image from the top, uint8 ``[k, width, channels]`` each.
        shape: shape of the whole image: (height, width, channels).
    """
    height, width, channels = shape
    file.write(_SIGNATURE)
    file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)))
    compressor = zlib.compressobj()
    above = np.zeros(width * channels, np.uint8)
    for strip in strips:
        rows = strip.reshape(len(strip), -1)
        content = compressor.compress(_filtered(rows, above, channels).tobytes())
        above = rows[-1]
        if content:
            file.write(_chunk(b"IDAT", content))
    file.write(_chunk(b"IDAT", compressor.flush()))
    file.write(_chunk(b"IEND", b""))


def _filtered(rows: NDArray[np.uint8], above: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Filter type and differences of each row: uint8 ``[k, n]`` -> ``[k, 1 + n]``."""
    up = np.vstack([above[None], rows[:-1]])
    left, corner = (_shifted(values, channels).astype(np.int16) for values in (rows, up))
    wide = up.astype(np.int16)
    guesses = (0, left, wide, (left + wide) // 2, _paeth(left, wide, corner))
    tried = np.stack([(rows - guess).astype(np.uint8) for guess in guesses])
    costs = np.abs(tried.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    best = costs.argmin(axis=0)
    chosen = tried[best, np.arange(len(rows))]
    return np.hstack([best.astype(np.uint8)[:, None], chosen])


def _shifted(rows: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Each row shifted by one pixel to the right and filled with zeros."""
    moved = np.zeros_like(rows)
    moved[:, channels:] = rows[:, :-channels]
    return moved


def _paeth(left: NDArray[np.int16], up: NDArray[np.int16], corner: NDArray[np.int16]) -> NDArray[np.int16]:
    """The nearest of the three to ``left + up - corner``; the first of them in a tie."""
    guess = left + up - corner
    to_left, to_up, to_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
