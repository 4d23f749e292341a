"""The IDX file format of MNIST: http://yann.lecun.com/exdb/mnist/ ("THE IDX FILE FORMAT"), gzipped or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import DataError, reason

_UINT8 = 0x08
_MAX_BYTES, _BLOCK = 1 << 31, 1 << 24


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes with ``dimensions`` axes. Gzip is detected by the content.

    Raises:
        DataError: if the file cannot be read, is truncated, or has another format.
    """
    require_content(path, error=DataError)
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as file:
            head = file.read(4 + 4 * dimensions)
            shape = _shape(head, dimensions, path)
            size = math.prod(shape)
            data = _read(file, size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot read {path}: {reason(error)}.") from error
    if len(data) != size:
        raise DataError(
            f"{path} is {'truncated' if len(data) < size else 'too long'}: its header declares {list(shape)}."
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _read(file: BinaryIO | gzip.GzipFile, size: int) -> bytearray:
    """Up to ``size`` bytes. A single read would reserve memory for all bytes that a damaged header declares."""
    data = bytearray()
    while block := file.read(min(size - len(data), _BLOCK)):
        data += block
    return data


def _shape(head: bytes, dimensions: int, path: Path) -> tuple[int, ...]:
    if len(head) < 4 + 4 * dimensions or head[:2] != b"\0\0" or head[2] != _UINT8 or head[3] != dimensions:
        raise DataError(
            f"{path} is not an IDX file of unsigned bytes with {dimensions} dimensions: it begins with {head[:4]!r}."
        )
    shape = struct.unpack(f">{dimensions}I", head[4:])
    if math.prod(shape) > _MAX_BYTES:
        raise DataError(f"{path} declares {list(shape)} values, which is too many.")
    return shape
