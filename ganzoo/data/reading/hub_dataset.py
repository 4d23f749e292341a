"""Fetches the parquet shards of a dataset on the Hugging Face Hub into ganzoo's cache, and verifies them.

A branch or tag is resolved to its commit first. All files are those of the commit, and their hashes are those that the
Hub lists. The list of a commit is kept, so a dataset in the cache needs no network. ``huggingface_hub`` takes about a
second to import, so it is imported only for a request.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ganzoo.data.reading.described import listed
from ganzoo.data.reading.shards import Chosen, Shard, choose_shards, configurations
from ganzoo.environment.files import write_file
from ganzoo.environment.places import DOWNLOADS, HUB_DOWNLOADS, cache_root
from ganzoo.environment.quantities import bytes_text
from ganzoo.errors import DataError, GanzooError
from ganzoo.hub.errors import Situation, explained, not_cached, unreachable
from ganzoo.hub.fetch import client, endpoint, with_retries, without_bars
from ganzoo.hub.reference import SCHEME, HubReference, require_reference

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

SUFFIX = ".parquet"
CONVERTED = "refs/convert/parquet"
"""The branch in which the Hub keeps its own conversion of many datasets to parquet."""

_BLOCK = 1 << 20
_log = logging.getLogger("ganzoo")


@dataclass(frozen=True)
class HubFile:
    """A file on the Hub: its name, its size in bytes, and ``sha256:...`` or ``git:...``, the hash of its content."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True)
class HubDataset:
    """The parquet files of one commit of a dataset.

    Attributes:
        repo: ``user/name``.
        commit: 40 hex digits.
        files: the parquet files.
    """

    repo: str
    commit: str
    files: tuple[HubFile, ...]

    def __str__(self) -> str:
        return f"{self.repo}@{self.commit[:12]}"


def find_dataset(repo: str, revision: str | None, *, cache_dir: Path | None) -> HubDataset:
    """The commit of a revision and its parquet files.

    If the Hub cannot be reached, the commit of the last request is used, with a warning.

    Args:
        repo: ``user/name``.
        revision: a branch, tag or commit. Default: the branch ``main``.
        cache_dir: cache folder. Default: the user's cache folder.

    Raises:
        HubError: if there is no such dataset or revision, or the Hub cannot be reached.
        DataError: if the dataset has no parquet files.
    """
    reference = require_reference(f"{SCHEME}{repo}", revision=revision)
    root = _root(cache_dir)
    if reference.pinned and (known := _saved(root, reference)):
        return known
    situation = _situation(reference)
    if _is_offline():
        if known := _saved(root, reference):
            return known
        raise not_cached(situation)
    try:
        found = _ask(reference)
    except Exception as error:  # the client's, httpx's and the operating system's; hub.errors explains them
        known = _saved(root, reference) if unreachable(error) else None
        if known is not None:
            _log.warning("%s cannot be reached; using %s from the cache.", endpoint(), known)
            return known
        _raise_explained(error, situation)
    if not found.files:
        also = "" if revision == CONVERTED else f" The Hub's own conversion may exist: data.revision={CONVERTED}"
        raise DataError(f"The dataset {reference} has no {SUFFIX} files.{also}")
    _save(root, reference, found)
    return found


def choose_files(dataset: HubDataset, *, split: str, files: str | None) -> Chosen:
    """The shards of a split.

    Args:
        dataset: the dataset.
        split: see ``ganzoo.data.reading.shards.choose_shards``.
        files: a pattern of the names, such as ``cropped/*``, or None.

    Raises:
        DataError: if there are none, or the dataset has several versions.
    """
    names = [file.name for file in dataset.files]
    matching = [name for name in names if files is None or fnmatchcase(name, files)]
    if not matching:
        raise DataError(f"data.files={files} matches no file of {dataset}. It has {listed(names)}.")
    chosen = choose_shards(matching, split, where=str(dataset))
    versions = configurations(chosen.names)
    if files is None and len(versions) > 1:
        if "default" in versions:
            note = f"Version: default (data.files chooses another one: {listed(versions)})"
            return Chosen(versions["default"], " ".join(filter(None, (chosen.note, note))))
        folders = [folder or "." for folder in versions]
        example = next(folder for folder in versions if folder)
        raise DataError(
            f"{dataset} has several versions, in the folders {listed(folders)}. Choose one: data.files='{example}/*'"
        )
    return chosen


def fetched(dataset: HubDataset, names: Sequence[str], *, cache_dir: Path | None, quiet: bool) -> list[Shard]:
    """Download and verify the shards that are not in the cache. A second start goes on after the last whole file.

    Raises:
        HubError: if a download fails.
        DataError: if a file differs from the Hub's list, or the disk is full.
    """
    files = {file.name: file for file in dataset.files}
    root = _root(cache_dir)
    missing = [files[name] for name in names if not _is_verified(root, dataset, files[name])]
    if missing:
        situation = _situation(HubReference(dataset.repo, dataset.commit))
        if _is_offline():
            raise not_cached(situation)
        _check_space(root, missing)
        with without_bars() if quiet else contextlib.nullcontext():
            for file in missing:
                try:
                    _download(root, dataset, file)
                except GanzooError:
                    raise
                except Exception as error:
                    _raise_explained(error, situation)
    return [Shard(_path(root, dataset, name), name, files[name].digest) for name in names]


def _ask(reference: HubReference) -> HubDataset:
    from huggingface_hub import constants

    info = with_retries(
        lambda: client(None).dataset_info(
            reference.repo,
            revision=reference.revision,
            files_metadata=True,
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
    )
    files = [_file(sibling) for sibling in info.siblings or () if sibling.rfilename.lower().endswith(SUFFIX)]
    return HubDataset(reference.repo, str(info.sha), tuple(sorted(files, key=lambda file: file.name)))


def _file(sibling: RepoSibling) -> HubFile:
    name, size = sibling.rfilename, sibling.size or 0
    if not _is_safe(name):
        raise DataError(f"The dataset has a file of the name {name[:100]!a}, which is not safe.")
    return HubFile(name, size, f"sha256:{sibling.lfs.sha256}" if sibling.lfs else f"git:{sibling.blob_id}")


def _is_safe(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name


def _download(root: Path, dataset: HubDataset, file: HubFile) -> None:
    from huggingface_hub import constants, hf_hub_download

    path = Path(
        hf_hub_download(
            dataset.repo,
            file.name,
            repo_type="dataset",
            revision=dataset.commit,
            cache_dir=root,
            library_name="ganzoo",
            etag_timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
    )
    found = _digest(path, file)
    if found != file.digest:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise DataError(
            f"{file.name} of {dataset} differs from the file on the Hub (its hash is {found}, not {file.digest}). It "
            "was removed; start again."
        )
    write_file(_mark(root, file), b"")


def _digest(path: Path, file: HubFile) -> str:
    """The hash of a file, of the kind that the Hub lists for it."""
    kind = file.digest.partition(":")[0]
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(usedforsecurity=False)
    if kind == "git":
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return f"{kind}:{digest.hexdigest()}"


def _is_verified(root: Path, dataset: HubDataset, file: HubFile) -> bool:
    """Whether a file is in the cache, and was complete and correct when it was downloaded."""
    try:
        return _mark(root, file).is_file() and _path(root, dataset, file.name).stat().st_size == file.size
    except OSError:
        return False


def _root(cache_dir: Path | None) -> Path:
    """The folder in ganzoo's cache that ``huggingface_hub`` fills."""
    return cache_root(cache_dir) / DOWNLOADS / HUB_DOWNLOADS


def _path(root: Path, dataset: HubDataset, name: str) -> Path:
    """Where ``huggingface_hub`` puts a file."""
    return root / f"datasets--{dataset.repo.replace('/', '--')}" / "snapshots" / dataset.commit / name


def _mark(root: Path, file: HubFile) -> Path:
    """The empty file that marks a verified download."""
    return root / "verified" / file.digest.replace(":", "-")


def _list_path(root: Path, reference: HubReference) -> Path:
    return root / "lists" / f"{quote(reference.repo, safe='')}@{quote(reference.revision or 'main', safe='')}.json"


def _save(root: Path, reference: HubReference, found: HubDataset) -> None:
    """Keep the list of files, for the revision and for its commit."""
    content = json.dumps(asdict(found), indent=1).encode()
    for known in (reference, HubReference(reference.repo, found.commit)):
        try:
            write_file(_list_path(root, known), content)
        except OSError as error:
            raise DataError(f"Cannot write to {root}: {error.strerror or error}.") from error


def _saved(root: Path, reference: HubReference) -> HubDataset | None:
    try:
        values = json.loads(_list_path(root, reference).read_text(encoding="utf-8"))
        files = tuple(HubFile(**file) for file in values["files"])
        return HubDataset(values["repo"], values["commit"], files)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_space(root: Path, missing: Sequence[HubFile]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    needed, free = sum(file.size for file in missing), shutil.disk_usage(root).free
    if needed > free:
        raise DataError(
            f"The download has {bytes_text(needed)}, but {root} has {bytes_text(free)} free. Free some space, choose "
            "fewer shards (data.files), or set the environment variable GANZOO_CACHE to another folder."
        )


def _is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _situation(reference: HubReference) -> Situation:
    return Situation(reference, endpoint(), kind="dataset")


def _raise_explained(error: Exception, situation: Situation) -> Any:
    if isinstance(error, GanzooError):
        raise error
    known = explained(error, situation)
    raise known or error from error
