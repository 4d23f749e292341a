"""Detects git-lfs pointers: small text files that ``git clone`` without git-lfs writes instead of large files.

Format: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
"""

from __future__ import annotations

import os
from pathlib import Path

from ganzoo.errors import GanzooError

MAGIC = b"version https://git-lfs.github.com/spec/"
MAX_BYTES = 1024
"""Every pointer is smaller."""
WHAT = "a git-lfs pointer, not the file itself; in its folder run: git lfs pull"


def is_pointer(start: bytes) -> bool:
    """Return whether a file that starts with these bytes is a pointer."""
    return start.startswith(MAGIC)


def require_content(path: Path, *, name: str | None = None, error: type[GanzooError]) -> None:
    """Raise an error if a file is a pointer. A file that cannot be read passes, since its reader reports the reason.

    Args:
        path: the file.
        name: the file's name in the message; by default its path.
        error: the class of the error.

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
