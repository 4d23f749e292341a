"""Reads .npy and .npz files that may be damaged."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.errors import DataError, GanzooError, reason

_EXPLAINED = (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile)


@contextlib.contextmanager
def reading(path: Path, *, what: str = "") -> Iterator[None]:
    """Raise whatever NumPy raises in the block as a DataError. Its parser of headers raises many kinds of exceptions.

    Args:
        path: the file.
        what: what the file is not, in front of the reason.

    Raises:
        DataError: if the file cannot be read.
    """
    try:
        yield
    except GanzooError:
        raise
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except Exception as error:
        why = reason(error) if isinstance(error, _EXPLAINED) else "its header is damaged"
        raise DataError(f"Cannot read {path}: {f'{what} ({why})' if what else why}.") from error


def array_in(archive: Any, name: str, path: Path) -> NDArray[Any]:
    """An array of an open .npz.

    Raises:
        DataError: if it is another file, which NumPy returns as bytes.
    """
    found = archive[name]
    if not isinstance(found, np.ndarray):
        raise DataError(f"Cannot read {path}: '{name}' in it is not an array.")
    return found
