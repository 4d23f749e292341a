"""What ganzoo keeps on this machine: models from the Hub, and prepared data; what is where, how big, and removal."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ganzoo.bundle.folder import CONFIG, METADATA
from ganzoo.errors import GanzooError, did_you_mean
from ganzoo.hub.fetch import cache_folder, listed_files


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
            _delete(entry)
        except OSError as error:
            raise GanzooError(f"Cannot delete '{entry.folder}': {error.strerror or error}.") from error
    return chosen


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under a folder, each once. Links are followed: models in the Hub's cache share large files."""
    files = {path.resolve() for path in folder.rglob("*") if path.is_file()}
    return sum(path.stat().st_size for path in files)


def _delete(entry: CacheEntry) -> None:
    """Delete one folder, and of a model also its large files in the store of the Hub's cache that no other one uses."""
    if entry.kind == "model":
        _delete_by_client(entry.folder)
        shutil.rmtree(entry.folder.parent / ".locks" / entry.folder.name, ignore_errors=True)
    if entry.folder.exists():  # data, a damaged model that the client skips, or a failure that it only logs
        shutil.rmtree(entry.folder)


def _delete_by_client(folder: Path) -> None:
    from huggingface_hub import scan_cache_dir

    scanned = scan_cache_dir(folder.parent)
    # One model only: its copy under another name has the same commits, and the client would delete either.
    alone = dataclasses.replace(scanned, repos=frozenset(r for r in scanned.repos if r.repo_path == folder.resolve()))
    commits = [revision.commit_hash for repo in alone.repos for revision in repo.revisions]
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # it logs a failure with its traceback; ours is one line
    try:
        alone.delete_revisions(*commits).execute()
    finally:
        logger.setLevel(level)


def _models() -> Iterator[CacheEntry]:
    """The models with a bundle in them.

    ``scan_cache_dir`` would give another list: huggingface_hub 2.4.0 skips a model whose update was interrupted
    ("Reference(s) refer to missing commit hashes") or that lacks a file ("Blob missing"). These are the ones to remove.
    It does not count unfinished downloads, and it visits all files of the models of other libraries.
    """
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
