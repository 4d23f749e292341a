"""Validates the bundle files that inference never decodes: model card, sample image, weights.

Each check reads as little as possible, allocates no more than the size of the file, and reports one line. The type of a
file is detected by its first bytes, never by its name.
"""

from __future__ import annotations

import os
import struct
import unicodedata
from pathlib import Path
from typing import Any, BinaryIO

from ganzoo.bundle.strict_json import is_whole, read_json
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
# Chunks of an image without compressed text, profiles and animation, whose uncompressed size is unbounded.
_CHUNKS = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB pHYs bKGD sBIT tEXt tIME".split())


def foreign_format(start: bytes) -> str | None:
    """The format of a file that begins with ``start``, if it is not allowed in a bundle: "a pickle"."""
    return next((what for magic, what in _MAGIC.items() if start.startswith(magic)), None)


def check_card(content: bytes, name: str) -> None:
    """Reject a card that is not text, or that could control a terminal.

    Raises:
        BundleError: if it is not UTF-8, or has control characters other than newlines and tabs.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BundleError(f"{name} is not text in UTF-8.") from None
    bad = next((char for char in text if unicodedata.category(char) == "Cc" and char not in "\n\r\t"), None)
    if bad is not None:
        raise BundleError(f"{name} has the control character {bad!a}, which could control a terminal.")


def check_png(path: Path, name: str) -> None:
    """Reject a file that is not a PNG, or that needs much more memory than its size.

    Raises:
        BundleError: if it is not a PNG, has more than 16384 pixels per side or 67 megapixels, or has compressed text or
            profiles.
    """
    with path.open("rb") as file:
        if file.read(8) != _PNG:
            raise BundleError(f"{name} is not a PNG image.")
        left = path.stat().st_size - 8
        first = True
        while left >= 12:
            length, chunk = struct.unpack(">I4s", file.read(8))
            if length > left - 12:
                raise BundleError(f"{name} is a damaged PNG image: it is truncated.")
            if chunk not in _CHUNKS or first != (chunk == b"IHDR"):
                raise BundleError(f"{name} has the PNG chunk {chunk.decode('latin-1')!a}, which is not allowed.")
            if first:
                _check_size(file.read(8), name)
                file.seek(length - 8 + 4, os.SEEK_CUR)
            else:
                file.seek(length + 4, os.SEEK_CUR)
            first = False
            left -= 12 + length
            if chunk == b"IEND":
                break
        if first or left or chunk != b"IEND":
            raise BundleError(f"{name} is a damaged PNG image: its end is wrong.")


def _check_size(header: bytes, name: str) -> None:
    width, height = struct.unpack(">II", header) if len(header) == 8 else (0, 0)
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise BundleError(
            f"{name} declares {width} x {height} pixels; allowed: {MAX_SIDE} per side and {MAX_PIXELS:,} in total."
        )


def check_safetensors(path: Path, name: str) -> None:
    """Reject weights with an invalid header. The values are not read.

    Raises:
        BundleError: if the file has another format, the header is too large or not JSON, a tensor is not float32 or
            float16, or the tensors overlap, have gaps or do not fill the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        table, data = _header(file, size, name)
    tensors = {key: value for key, value in table.items() if key != "__metadata__"}
    if len(tensors) > MAX_TENSORS:
        raise BundleError(f"{name} has {len(tensors)} tensors; allowed: {MAX_TENSORS}.")
    spans = sorted(_span(key, value, name) for key, value in tensors.items())
    end = 0
    for begin, stop, key in spans:
        if begin != end:
            raise BundleError(
                f"{name} is not readable as safetensors: {key[:60]!a} overlaps another tensor or leaves a gap."
            )
        end = stop
    if data + end != size:
        raise BundleError(f"{name} is not readable as safetensors: its tensors do not fill the file.")


def _header(file: BinaryIO, size: int, name: str) -> tuple[dict[str, Any], int]:
    """The table of tensors, and the offset of the data."""
    start, first = file.read(8), file.read(1)
    length = int.from_bytes(start, "little")
    is_header = first == b"{" and length <= size - 8  # the bytes of a length may be those of another format
    other = None if is_header else foreign_format(start)
    if other is not None:
        raise BundleError(f"{name} is not readable as safetensors: it is {other}.")
    file.seek(8)
    if len(start) < 8 or length > size - 8:
        raise BundleError(f"{name} is not readable as safetensors: it is truncated.")
    if length > MAX_HEADER:
        raise BundleError(f"{name} has a header of {length} bytes; allowed: {MAX_HEADER}.")
    try:
        return read_json(file.read(length), name), 8 + length
    except BundleError:
        raise BundleError(f"{name} is not readable as safetensors: its header is not a JSON object.") from None


def _span(key: str, value: object, name: str) -> tuple[int, int, str]:
    """Begin and end of a tensor in the data, and its name."""
    if not key.isprintable() or len(key) > 200:
        raise BundleError(f"{name} has a tensor named {key[:60]!a}; allowed: 200 printable characters.")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise BundleError(f"{name} is not readable as safetensors: {key[:60]!a} has no dtype, shape and data_offsets.")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in WIDTHS:
        raise BundleError(f"{name}: {key[:60]!a} is {str(dtype)[:20]!a}; allowed: {' or '.join(WIDTHS)}.")
    if not _is_list_of_whole(shape, MAX_RANK) or not _is_list_of_whole(offsets, 2) or len(offsets) != 2:
        raise BundleError(f"{name} is not readable as safetensors: {key[:60]!a} has an invalid shape or offset.")
    elements = WIDTHS[dtype]
    for axis in shape:
        elements *= axis
    if offsets[1] - offsets[0] != elements:
        raise BundleError(
            f"{name} is not readable as safetensors: the shape of {key[:60]!a} does not match the size of its data."
        )
    return offsets[0], offsets[1], key


def _is_list_of_whole(value: object, limit: int) -> bool:
    """Whether a value is a list of at most ``limit`` whole numbers from 0 to 2**40."""
    return isinstance(value, list) and len(value) <= limit and all(is_whole(number, 0, 2**40) for number in value)
