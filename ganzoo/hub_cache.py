"""What ganzoo keeps on this machine: models from the Hub, and prepared data; what is where, how big, and removal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ganzoo.bundle import CONFIG, METADATA
from ganzoo.errors import GanzooError, did_you_mean
from ganzoo.hub import cache_folder, listed_files


class CacheEntry(NamedTuple):
    """One model or prepared data set.

    Attributes:
        name: ``user/name``, or the folder's name for data.
        kind: "model" or "data".
        bytes: on disk.
        revisions: the commits of a model that are here.
        folder: where.
    """

    name: str
    kind: str
    bytes: int
    revisions: tuple[str, ...]
    folder: Path


def cache_entries() -> list[CacheEntry]:
    """Everything in the caches that is ganzoo's, by name. Other libraries' models in the Hub's cache are left out."""
    return sorted([*_models(), *_data()])


def remove(names: list[str]) -> list[CacheEntry]:
    """Delete entries by name, all or none.

    Returns:
        What was deleted.

    Raises:
        GanzooError: if a name is not there, or a folder cannot be deleted.
    """
    entries = {entry.name: entry for entry in cache_entries()}
    for name in names:
        if name not in entries:
            near = did_you_mean(name, entries)
            raise GanzooError(f"There is no '{name}' in the cache.{near}\nSee all: ganzoo cache")
    chosen = [entries[name] for name in dict.fromkeys(names)]
    for entry in chosen:
        try:
            shutil.rmtree(entry.folder)
        except OSError as error:
            raise GanzooError(f"Cannot delete '{entry.folder}': {error.strerror or error}.") from error
        if entry.kind == "model":
            shutil.rmtree(entry.folder.parent / ".locks" / entry.folder.name, ignore_errors=True)
    return chosen


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under a folder; a link counts nothing, because what it leads to is counted itself."""
    total = 0
    for path in folder.rglob("*"):
        if not path.is_symlink() and path.is_file():
            total += path.stat().st_size
    return total


def linked_bytes(folder: Path) -> int:
    """Bytes of the files of a snapshot, links followed."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _models() -> Iterator[CacheEntry]:
    root = cache_folder()
    for folder in sorted(root.glob("models--*--*")) if root.is_dir() else ():
        snapshots = [path for path in sorted(folder.glob("snapshots/*")) if _is_ganzoos(path)]
        if snapshots:
            name = folder.name.removeprefix("models--").replace("--", "/")
            yield CacheEntry(name, "model", folder_bytes(folder), tuple(path.name for path in snapshots), folder)


def _is_ganzoos(snapshot: Path) -> bool:
    """Whether a folder of the Hub's cache is a bundle, complete or not."""
    if not (snapshot / METADATA).is_file():
        return False
    try:
        return CONFIG in listed_files(snapshot)
    except GanzooError:
        return False


def _data() -> Iterator[CacheEntry]:
    from ganzoo.environment.places import cache_root

    for folder in sorted((cache_root() / "data").glob("*/")):
        if (folder / "manifest.json").is_file():
            yield CacheEntry(folder.name, "data", folder_bytes(folder), (), folder)
