"""Reads the pickled batches of CIFAR-10 without letting the pickle do anything.

A pickle is a program: loading a foreign one runs whatever it names. The publisher's batches (protocol 2, written by
Python 2) need three names of NumPy to rebuild an array, and batches that people write again need one of ``codecs``.
Here these names stand for inert recorders, never for the real functions; every other name is refused.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

Batch = tuple[NDArray[np.uint8], list[int]]

_BYTE_TYPES = {"u1", "|u1", "B"}


def read_pickled_batch(data: bytes) -> Batch:
    """The bytes of a ``data_batch_N`` -> rows uint8 ``[n, 3072]`` and their labels.

    Raises:
        ValueError: if it is no such batch, or names anything that a batch does not need.
    """
    try:
        found = _Unpickler(io.BytesIO(data)).load()
    except _Refused as error:
        raise ValueError(f"is refused: {error}") from error
    except Exception as error:  # a damaged pickle fails in any way there is
        raise ValueError(f"is no pickled batch ({type(error).__name__})") from error
    if not isinstance(found, dict):
        raise ValueError("is no pickled batch: it holds no dictionary")
    fields = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in found.items()}
    labels = fields.get("labels", fields.get("fine_labels"))
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise ValueError("is no pickled batch: it has no list 'labels'")
    rows = fields.get("data")
    if not isinstance(rows, _ArrayRecord):
        raise ValueError("is no pickled batch: it has no array 'data'")
    return rows.as_rows(), labels


class _Refused(Exception):  # noqa: N818 - it is an outcome
    """The pickle asked for something that a batch does not need."""


class _DtypeRecord:
    """Stands for ``numpy.dtype``: keeps the code of the type."""

    def __init__(self, code: object, *rest: object) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else str(code)

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment, which a byte does not have."""


class _ArrayRecord:
    """Stands for an array: keeps its shape, type and bytes."""

    def __init__(self) -> None:
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def as_rows(self) -> NDArray[np.uint8]:
        # The state of an array: (version, shape, dtype, is Fortran order, bytes), in numpy.ndarray.__setstate__.
        try:
            _, shape, dtype, fortran, raw = self.state
        except (TypeError, ValueError):
            raise ValueError("holds a damaged array") from None
        if isinstance(raw, str):
            raw = raw.encode("latin1", errors="replace")
        good = isinstance(dtype, _DtypeRecord) and dtype.code in _BYTE_TYPES and isinstance(shape, tuple)
        if not good or len(shape) != 2 or not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError("holds an array that is not uint8 [n, 3072]")
        if not isinstance(raw, bytes) or len(raw) != math.prod(shape):
            raise ValueError("holds an array whose bytes are cut off")
        return np.frombuffer(raw, np.uint8).reshape(shape, order="F" if fortran else "C")


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        # Fresh objects each time, so that no pickle can leave a change behind in them.
        if (module, name) in {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
        }:
            return lambda *arguments: _ArrayRecord()
        if (module, name) == ("numpy", "ndarray"):
            return object()
        if (module, name) == ("numpy", "dtype"):
            return lambda *arguments: _DtypeRecord(*arguments)
        if (module, name) == ("_codecs", "encode"):  # how protocol 2 of Python 3 writes bytes
            return lambda text, encoding="latin1": _encoded(text, encoding)
        raise _Refused(f"it wants {module}.{name}, which a batch of CIFAR-10 does not need")

    def persistent_load(self, pid: object) -> Any:
        raise _Refused("it refers to another file")


def _encoded(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise _Refused("it misuses _codecs.encode")
    return text.encode("latin1")
