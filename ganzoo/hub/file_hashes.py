"""Compares files with the hashes that the Hub has of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def known_hash(sibling: Any) -> str | None:
    """The hash that the Hub has of a file of a repo: SHA-256 of a large one, Git's of a small one; None if it has none.

    Args:
        sibling: an entry of ``model_info(files_metadata=True).siblings``.
    """
    lfs = sibling.lfs
    if lfs:
        return str(lfs["sha256"] if isinstance(lfs, Mapping) else lfs.sha256)
    return None if sibling.blob_id is None else str(sibling.blob_id)


def hashes(path: Path) -> tuple[str, str]:
    """SHA-256 of a file, and Git's hash of it."""
    whole, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
            git.update(chunk)
    return whole.hexdigest(), git.hexdigest()


def differs(path: Path, known: str | None) -> bool:
    """Whether a file has another hash than the one that the Hub has of it."""
    return known is not None and known not in hashes(path)
