"""Looks into the files of a bundle that nothing decodes on the way to a picture: the card, the samples, the weights.

Each check reads as little as it can, allocates no more than the file's own size, and refuses in one line. What a file
is, is told by its first bytes and never by its name.
"""

from __future__ import annotations

import os
import struct
import unicodedata
from pathlib import Path
from typing import Any, BinaryIO

from ganzoo.bundle.strict_json import read_json
from ganzoo.errors import BundleError

MAX_SIDE = 16_384
MAX_PIXELS = 1 << 26
MAX_HEADER = 4 << 20
MAX_TENSORS = 10_000
MAX_RANK = 8
WIDTHS = {"F32": 4, "F16": 2}
_MAGIC = {
    b"PK\x03\x04": "a zip archive (as .keras, .npz and PyTorch files are)",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file (.h5)",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"MZ": "a program",
    b"\x7fELF": "a program",
    b"#!": "a script",
} | {bytes([0x80, protocol]): "a pickle" for protocol in range(2, 6)}
_PNG = b"\x89PNG\r\n\x1a\n"
# Chunks of a picture without packed text, profiles or animation, which could unpack to anything.
_CHUNKS = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB pHYs bKGD sBIT tEXt tIME".split())


def foreign_format(start: bytes) -> str | None:
    """What a file that begins with ``start`` is, if it is of a format that no bundle holds: "a pickle"."""
    return next((what for magic, what in _MAGIC.items() if start.startswith(magic)), None)


def check_card(content: bytes, name: str) -> None:
    """Refuse a card that is no text, or that could drive a terminal.

    Raises:
        BundleError: if it is not UTF-8 or holds control characters other than line ends and tabs.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BundleError(f"{name} is not text in UTF-8.") from None
    bad = next((char for char in text if unicodedata.category(char) == "Cc" and char not in "\n\r\t"), None)
    if bad is not None:
        raise BundleError(f"{name} holds the control character {bad!a}, which could drive a terminal.")


def check_png(path: Path, name: str) -> None:
    """Refuse a picture that would take much more memory than its file, or that is no PNG.

    Raises:
        BundleError: if it is no PNG, is larger than 16384 pixels a side or 67 megapixels, or holds packed text or
            profiles.
    """
    with path.open("rb") as file:
        if file.read(8) != _PNG:
            raise BundleError(f"{name} is not a PNG image.")
        left = path.stat().st_size - 8
        first = True
        while left >= 12:
            length, kind = struct.unpack(">I4s", file.read(8))
            if length > left - 12:
                raise BundleError(f"{name} is a damaged PNG image: it ends too early.")
            if kind not in _CHUNKS or first != (kind == b"IHDR"):
                raise BundleError(f"{name} holds the PNG chunk {kind.decode('latin-1')!a}, which a bundle's must not.")
            if first:
                _check_size(file.read(8), name)
                file.seek(length - 8 + 4, os.SEEK_CUR)
            else:
                file.seek(length + 4, os.SEEK_CUR)
            first = False
            left -= 12 + length
            if kind == b"IEND":
                break
        if first or left or kind != b"IEND":
            raise BundleError(f"{name} is a damaged PNG image: it does not end where it should.")


def _check_size(header: bytes, name: str) -> None:
    width, height = struct.unpack(">II", header) if len(header) == 8 else (0, 0)
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise BundleError(
            f"{name} claims {width} x {height} pixels; allowed: {MAX_SIDE} a side and {MAX_PIXELS:,} in all."
        )


def check_safetensors(path: Path, name: str) -> None:
    """Refuse weights whose header is not exactly what it should be. The numbers themselves are not read.

    Raises:
        BundleError: if it is another format, the header is large or no JSON, a tensor is of another type than float32
            or float16, or the tensors overlap, leave gaps or do not fill the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        table, data = _header(file, size, name)
    tensors = {key: value for key, value in table.items() if key != "__metadata__"}
    if len(tensors) > MAX_TENSORS:
        raise BundleError(f"{name} holds {len(tensors)} tensors; allowed: {MAX_TENSORS}.")
    spans = sorted(_span(key, value, name) for key, value in tensors.items())
    end = 0
    for begin, stop, key in spans:
        if begin != end:
            raise BundleError(f"{name} is not readable as safetensors: {key[:60]!a} overlaps another or leaves a gap.")
        end = stop
    if data + end != size:
        raise BundleError(f"{name} is not readable as safetensors: its tensors do not fill the file.")


def _header(file: BinaryIO, size: int, name: str) -> tuple[dict[str, Any], int]:
    """The table of tensors, and where the data begin."""
    start = file.read(8)
    other = foreign_format(start)
    if other is not None:
        raise BundleError(f"{name} is not readable as safetensors: it is {other}.")
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise BundleError(f"{name} is not readable as safetensors: it ends too early.")
    if length > MAX_HEADER:
        raise BundleError(f"{name} has a header of {length} bytes; allowed: {MAX_HEADER}.")
    try:
        return read_json(file.read(length), name), 8 + length
    except BundleError:
        raise BundleError(f"{name} is not readable as safetensors: its header is no JSON table.") from None


def _span(key: str, value: object, name: str) -> tuple[int, int, str]:
    """Where a tensor begins and ends in the data, and its name."""
    if not key.isprintable() or len(key) > 200:
        raise BundleError(f"{name} has a tensor named {key[:60]!a}; allowed: 200 printable characters.")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise BundleError(f"{name} is not readable as safetensors: {key[:60]!a} has no dtype, shape and data_offsets.")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in WIDTHS:
        raise BundleError(f"{name}: {key[:60]!a} is {str(dtype)[:20]!a}; allowed: {' or '.join(WIDTHS)}.")
    if not _whole(shape, MAX_RANK) or not _whole(offsets, 2) or len(offsets) != 2:
        raise BundleError(f"{name} is not readable as safetensors: {key[:60]!a} has an impossible shape or place.")
    elements = WIDTHS[dtype]
    for axis in shape:
        elements *= axis
    if offsets[1] - offsets[0] != elements:
        raise BundleError(f"{name} is not readable as safetensors: {key[:60]!a} has a shape that its data do not fill.")
    return offsets[0], offsets[1], key


def _whole(value: object, most: int) -> bool:
    """Whether a value is a list of at most ``most`` whole numbers from 0 to 2**40."""
    return (
        isinstance(value, list)
        and len(value) <= most
        and all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= 2**40 for n in value)
    )
