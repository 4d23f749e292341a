"""Reads the pickled batches of CIFAR-10 without executing the pickle.

A pickle is a program: loading it can call any function. The publisher's batches (protocol 2, written by Python 2) need
three names of NumPy to rebuild an array; batches written again by other programs need one name of ``codecs``. This
reader replaces these names by recorders without effects, and rejects every other name.
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
    """Read the content of a ``data_batch_N``: rows uint8 ``[n, 3072]`` and their labels.

    Raises:
        ValueError: if the content is not a batch, or uses a name that a batch does not need.
    """
    try:
        found = _Unpickler(io.BytesIO(data)).load()
    except _Refused as error:
        raise ValueError(f"is rejected: {error}") from error
    except Exception as error:  # a damaged pickle can raise any exception
        raise ValueError(f"is not a pickled batch ({type(error).__name__})") from error
    if not isinstance(found, dict):
        raise ValueError("is not a pickled batch: it has no dictionary")
    fields = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in found.items()}
    labels = fields.get("labels", fields.get("fine_labels"))
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise ValueError("is not a pickled batch: it has no list 'labels'")
    rows = fields.get("data")
    if not isinstance(rows, _ArrayRecord):
        raise ValueError("is not a pickled batch: it has no array 'data'")
    return rows.as_rows(), labels


class _Refused(Exception):  # noqa: N818 - it is an outcome
    """The pickle uses something that a batch does not need."""


class _DtypeRecord:
    """Replaces ``numpy.dtype``: records the code of the type."""

    def __init__(self, code: object, *rest: object) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else str(code)

    def __setstate__(self, state: object) -> None:
        """Ignore byte order and alignment, which single bytes do not have."""


class _ArrayRecord:
    """Replaces an array: records its shape, type and bytes."""

    def __init__(self) -> None:
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def as_rows(self) -> NDArray[np.uint8]:
        # The state of an array: (version, shape, dtype, is Fortran order, bytes), in numpy.ndarray.__setstate__.
        try:
            _, shape, dtype, fortran, raw = self.state
        except (TypeError, ValueError):
            raise ValueError("has a damaged array") from None
        if isinstance(raw, str):
            raw = raw.encode("latin1", errors="replace")
        good = isinstance(dtype, _DtypeRecord) and dtype.code in _BYTE_TYPES and isinstance(shape, tuple)
        if not good or len(shape) != 2 or not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError("has an array that is not uint8 [n, 3072]")
        if not isinstance(raw, bytes) or len(raw) != math.prod(shape):
            raise ValueError("has an array with truncated data")
        return np.frombuffer(raw, np.uint8).reshape(shape, order="F" if fortran else "C")


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        # New objects each time, so that a pickle cannot change them for the next one.
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
        raise _Refused(f"it uses {module}.{name}, which a batch of CIFAR-10 does not need")

    def persistent_load(self, pid: object) -> Any:
        raise _Refused("it refers to another file")


def _encoded(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise _Refused("it misuses _codecs.encode")
    return text.encode("latin1")
