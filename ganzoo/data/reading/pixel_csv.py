"""Images in the rows of a CSV, ``label,pixel0,...,pixel783``: MNIST and Fashion-MNIST from Kaggle."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import DataError

_MAX_BYTES = 512 << 20
"""Largest size of a CSV in bytes. 60,000 images of 784 pixels take about 110 MB."""

_ROWS = 4096


def find_pixel_csv(path: Path, half: str, *, other: str) -> tuple[Path, str | None] | None:
    """Find the CSV of one half of a dataset.

    Args:
        path: a .csv, a .zip with .csv files, or a folder of them.
        half: ``train`` or ``test``, which must be in the file name. If ``path`` is a .csv, its name does not matter.
        other: pattern of the file names of other datasets, in lower case. They are ignored.

    Returns:
        The file and, in a zip, the member; or None if there is none.
    """
    if path.is_dir():
        if found := _of_half([file.name for file in path.glob("*.csv")], half, other):
            return path / found, None
        for file in sorted(path.glob("*.zip")):
            if inside := find_pixel_csv(file, half, other=other):
                return inside
        return None
    if path.suffix.lower() == ".csv":
        return path, None
    member = _of_half(_csv_members(path), half, other)
    return (path, member) if member else None


def _csv_members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [name for name in archive.namelist() if name.lower().endswith(".csv") and "__MACOSX" not in name]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return []


def _of_half(names: list[str], half: str, other: str) -> str | None:
    """The shortest name with the half as a word: ``train.csv`` is preferred to ``train_sample.csv``."""
    bases = {name: PurePosixPath(name).name.lower() for name in names}
    found = [name for name in names if half in re.split(r"[^a-z]+", bases[name]) and not re.search(other, bases[name])]
    return min(found, key=lambda name: (len(PurePosixPath(name).name), name), default=None)


def read_pixel_csv(path: Path, member: str | None, side: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images uint8 ``[n, side, side]`` and labels uint8 ``[n]``.

    The labels are in the column named label, else in the first column. A first line without numbers is a header.

    Raises:
        DataError: if the file cannot be read, has no labels, or has other values than whole numbers from 0 to 255.
    """
    require_content(path, error=DataError)
    name = f"{member} in {path}" if member else str(path)
    columns = side * side + 1
    try:
        with _opened(path, member) as file:
            first = file.readline(1 << 20)
            cells = [cell.strip().strip('"').lower() for cell in first.split(",")]
            if len(cells) == columns - 1:
                raise DataError(f"{name} has no labels: {len(cells)} columns; label and pixels need {columns}.")
            if len(cells) != columns:
                raise DataError(f"{name} has {len(cells)} columns; label and {side} x {side} pixels need {columns}.")
            has_header = not cells[1].lstrip("-").isdecimal()
            label = cells.index("label") if "label" in cells else 0
            parts = list(_blocks(file, "" if has_header else first, columns))
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"Cannot read {name}: {str(error).splitlines()[0] if str(error) else error!r}.") from error
    rows = np.concatenate(parts) if parts else np.zeros((0, columns), np.uint8)
    return np.delete(rows, label, axis=1).reshape(-1, side, side), np.ascontiguousarray(rows[:, label])


def _blocks(file: io.TextIOBase, first: str, columns: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the rows as uint8 ``[k, columns]`` in blocks, so that the whole text is never in memory."""
    lines = [first] if first else []
    while True:
        lines += [line for line in file.readlines(_ROWS * columns * 2) if line.strip()]
        if not lines:
            return
        values = np.loadtxt(lines, dtype=np.int32, delimiter=",", comments=None, quotechar='"', ndmin=2)
        if values.shape[1] != columns:
            raise ValueError(f"a row has {values.shape[1]} columns; expected {columns}")
        if values.min() < 0 or values.max() > 255:
            raise ValueError(f"values are from {values.min()} to {values.max()}; allowed: 0 to 255")
        yield values.astype(np.uint8)
        lines = []


@contextmanager
def _opened(path: Path, member: str | None) -> Iterator[io.TextIOWrapper]:
    if member is None:
        _check_size(path.stat().st_size)
        with path.open("rb") as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig")
        return
    with zipfile.ZipFile(path) as archive:
        _check_size(archive.getinfo(member).file_size)
        with archive.open(member) as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig")


def _check_size(size: int) -> None:
    if size > _MAX_BYTES:
        raise ValueError(f"it has {size >> 20} MB; the limit is {_MAX_BYTES >> 20}")
