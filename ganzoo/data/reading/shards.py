"""Finds the shards of a dataset, and chooses those of a split by their names.

Names of the Hugging Face Hub and of WebDataset: ``data/train-00000-of-00004.parquet``, ``default/train/0000.parquet``,
``photos-train-000012.tar``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

from ganzoo.data.reading.described import listed
from ganzoo.data.reading.label_order import natural_order
from ganzoo.data.reading.splits import split_kind
from ganzoo.environment.git_lfs import require_content
from ganzoo.errors import DataError, did_you_mean

_NUMBER = re.compile(r"[-_.]?[0-9]+([-_]of[-_][0-9]+)?([-_][0-9a-f]{8,})?$")


class Shard(NamedTuple):
    """A file with many images: its path, its name in the dataset, and a stamp of its content."""

    path: Path
    name: str
    stamp: str


@dataclass(frozen=True)
class Chosen:
    """The shards of a split.

    Attributes:
        names: names of the shards, in natural order.
        note: the guess and how to change it; empty if nothing was guessed.
    """

    names: Sequence[str]
    note: str = ""


def shard_names(path: Path, suffix: str) -> tuple[Path, list[str]]:
    """The folder of the shards and their names in it, in natural order. There may be none.

    Args:
        path: a file, a folder, whose subfolders are searched too, or a glob.
        suffix: for example ``.parquet``. A file may have another suffix.

    Raises:
        DataError: if there is no such file or folder, or it cannot be read.
    """
    if path.is_file():
        return path.parent, [path.name]
    if path.is_dir():
        return path, natural_order(name for name in _walk(path) if name.lower().endswith(suffix))
    fixed = _without_magic(path)
    if fixed == path:
        raise DataError(f"There is no file or folder {path}.{_brace_hint(path)}")
    pattern = str(path.relative_to(fixed))
    try:
        found = [name.relative_to(fixed).as_posix() for name in fixed.glob(pattern) if name.is_file()]
    except (OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"Cannot search for {path}: {error}.") from error
    return fixed, natural_order(found)


def local_shards(path: Path, suffix: str, *, split: str) -> tuple[list[Shard], str]:
    """The shards of a split, and the note about the split.

    Raises:
        DataError: if there are none, or a shard is a git-lfs pointer.
    """
    root, names = shard_names(path, suffix)
    if not names:
        raise DataError(f"{path} has no {suffix} file.{_brace_hint(path)}")
    chosen = choose_shards(names, split, where=str(path))
    return [_shard(root / name, name) for name in chosen.names], chosen.note


def choose_shards(names: Sequence[str], split: str, *, where: str) -> Chosen:
    """Choose the shards of a split.

    Args:
        names: all shards.
        split: ``auto`` chooses the training shards if the names have several splits, ``all`` all shards. Every other
            value is the name of a split.
        where: the dataset, for messages.

    Raises:
        DataError: if there is no such split.
    """
    if split == "all":
        return Chosen(names)
    splits = {name: split_of(name) for name in names}
    kinds = {name: split_kind(found) if found else None for name, found in splits.items()}
    if split == "auto":
        train = [name for name in names if kinds[name] == "train"]
        if not train or len(train) == len(names):
            return Chosen(names)
        note = f"Split: train, {len(train)} of {len(names)} shards (data.split=all uses all)"
        return Chosen(train, note)
    chosen = [name for name in names if splits[name] == split]
    chosen = chosen or [name for name in names if kinds[name] and kinds[name] == split_kind(split)]
    if not chosen:
        known = natural_order({found for found in splits.values() if found})
        has = f"has the splits {listed(known)}" if known else "has no splits"
        raise DataError(f"data.split={split}, but {where} {has}.{did_you_mean(split, known)}")
    return Chosen(chosen)


def split_of(name: str) -> str | None:
    """The split in the name of a shard: a word like "train" in it, or its folder; else the name without numbers."""
    *folders, base = name.split("/")
    stem = _NUMBER.sub("", base.rpartition(".")[0])
    words = [word for word in re.split(r"[-_.]", stem) if split_kind(word)]
    if len(words) == 1:
        return words[0]
    for folder in reversed(folders):
        if split_kind(folder.removeprefix("partial-")):  # the Hub's name for a converted part of a split
            return folder.removeprefix("partial-")
    return stem or None


def configurations(names: Sequence[str]) -> Mapping[str, list[str]]:
    """Shards by folder, without the folders of splits. Several folders are several versions of a dataset."""
    found: dict[str, list[str]] = {}
    for name in names:
        folders = [part for part in name.split("/")[:-1] if not split_kind(part.removeprefix("partial-"))]
        found.setdefault("/".join(folders), []).append(name)
    return found


def _shard(path: Path, name: str) -> Shard:
    require_content(path, error=DataError)
    try:
        info = path.stat()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
    return Shard(path, name, f"{info.st_size} {info.st_mtime_ns}")


def _walk(root: Path) -> Iterator[str]:
    """Names of all files below a folder, except hidden ones and those that begin with "_", as in Spark."""

    def fail(error: OSError) -> None:
        raise DataError(f"Cannot read the folder {error.filename}: {error.strerror or error}.") from error

    for folder, folders, names in os.walk(root, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        prefix = Path(folder).relative_to(root).as_posix()
        for name in names:
            if not name.startswith((".", "_")):
                yield name if prefix == "." else f"{prefix}/{name}"


def _without_magic(path: Path) -> Path:
    """The part of a path before the first wildcard."""
    for parent in (path, *path.parents):
        if not has_magic(str(parent)):
            return parent
    return Path()


def _brace_hint(path: Path) -> str:
    return " For many files use a folder, or a glob such as 'train-*'." if "{" in str(path) else ""
