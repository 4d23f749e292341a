"""ganzoo's caches on this machine: models from the Hub, downloads and prepared data. Lists and removes them."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ganzoo.bundle.folder import CONFIG, METADATA, read_metadata
from ganzoo.environment.places import DOWNLOADS, HUB_DOWNLOADS, cache_root
from ganzoo.errors import GanzooError, did_you_mean
from ganzoo.hub.fetch import cache_folder


class CacheEntry(NamedTuple):
    """One model, downloaded data set, or prepared data set.

    Attributes:
        name: ``user/name`` of a model, ``datasets/user/name`` of a data set of the Hub, or the folder's name.
        kind: "model", "download" or "data".
        bytes: size on the disk.
        revisions: the commits of a model that are in the cache.
        folder: its folder.
    """

    name: str
    kind: str
    bytes: int
    revisions: tuple[str, ...]
    folder: Path


def cache_entries() -> list[CacheEntry]:
    """Everything of ganzoo in the caches, sorted by name. Models of other libraries in the Hub's cache are left out."""
    return sorted([*_models(), *_downloads(), *_data()])


def remove(names: list[str]) -> list[CacheEntry]:
    """Delete entries by name, all or none.

    Returns:
        The deleted entries.

    Raises:
        GanzooError: if a name is not in the cache, or a folder cannot be deleted.
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
    """Bytes of all files in a folder, each counted once. Links are followed: the Hub's cache is made of links."""
    files = {path.resolve() for path in folder.rglob("*") if path.is_file()}
    return sum(path.stat().st_size for path in files)


def _delete(entry: CacheEntry) -> None:
    """Delete one folder. For a model, also delete its files in the Hub's cache that no other model uses."""
    if entry.kind == "model":
        _delete_by_client(entry.folder)
        shutil.rmtree(entry.folder.parent / ".locks" / entry.folder.name, ignore_errors=True)
    if entry.folder.exists():  # a download, data, a damaged model that the client skips, or a failure that it only logs
        shutil.rmtree(entry.folder)


def _delete_by_client(folder: Path) -> None:
    from huggingface_hub import scan_cache_dir

    scanned = scan_cache_dir(folder.parent)
    # Only this model: a copy under another name has the same commits, and the client would delete the copy too.
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
    """The models in the Hub's cache that are bundles.

    ``scan_cache_dir`` gives another list: huggingface_hub 2.4.0 skips a model whose update was interrupted
    ("Reference(s) refer to missing commit hashes") or that lacks a file ("Blob missing"), and users want to remove
    exactly these. It also does not count unfinished downloads, and it visits all files of other libraries' models.
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
        return CONFIG in read_metadata(snapshot).files
    except GanzooError:
        return False


def _downloads() -> Iterator[CacheEntry]:
    """The downloaded files of data sets, from which ``_data`` were prepared, or which are read in place."""
    for folder in sorted((cache_root() / DOWNLOADS).glob("*/")):
        if folder.name != HUB_DOWNLOADS:
            yield CacheEntry(folder.name, "download", folder_bytes(folder), (), folder)
    for folder in sorted((cache_root() / DOWNLOADS / HUB_DOWNLOADS).glob("datasets--*--*/")):
        commits = tuple(path.name for path in sorted(folder.glob("snapshots/*/")))
        yield CacheEntry(folder.name.replace("--", "/"), "download", folder_bytes(folder), commits, folder)


def _data() -> Iterator[CacheEntry]:
    for folder in sorted((cache_root() / "data").glob("*/")):
        if (folder / "manifest.json").is_file():
            yield CacheEntry(folder.name, "data", folder_bytes(folder), (), folder)
