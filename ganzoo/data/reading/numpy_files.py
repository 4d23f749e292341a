"""Reads .npy and .npz files that may be damaged."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

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
