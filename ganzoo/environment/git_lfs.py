"""Pointers of git-lfs: small texts that a ``git clone`` without git-lfs leaves in place of large files.

Format: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

from __future__ import annotations

import os
from pathlib import Path

from ganzoo.errors import GanzooError

MAGIC = b"version https://git-lfs.github.com/spec/"
MAX_BYTES = 1024
"""No pointer is as large."""
WHAT = "a pointer of git-lfs and not the file itself; in its folder run: git lfs pull"


def is_pointer(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a pointer."""
    return start.startswith(MAGIC)


def require_content(path: Path, *, name: str | None = None, error: type[GanzooError]) -> None:
    """Refuse a pointer in place of a file. A file that cannot be read is left to its reader.

    Args:
        path: the file.
        name: of the file in the message; by default its path.
        error: class of the error.

    Raises:
        error: if the file is a pointer.
    """
    try:
        if not path.is_file() or path.stat().st_size >= MAX_BYTES:
            return
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError:
        return
    if is_pointer(start):
        raise error(f"{os.fspath(path) if name is None else name} is {WHAT}")
