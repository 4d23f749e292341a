"""Chooses among folders named train, test and so on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ganzoo.data.reading.archive import ImageFiles
from ganzoo.data.reading.described import listed
from ganzoo.data.reading.label_order import natural_order
from ganzoo.errors import DataError, did_you_mean

_KINDS = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "pred": "other",
    "predict": "other",
    "unlabeled": "other",
    "unlabelled": "other",
    "holdout": "other",
}
_FILLERS = frozenset({"images", "image", "imgs", "img", "photos", "set", "data", "dataset", "split", "seg"})


@dataclass(frozen=True)
class Split:
    """The chosen part of a collection.

    Attributes:
        kept: indices of the files.
        names: names of the files relative to the folder of the split, for finding class folders.
        stray: names of images outside all splits.
        note: the guess and how to change it; empty if nothing was guessed.
    """

    kept: Sequence[int]
    names: Sequence[str]
    stray: Sequence[str] = ()
    note: str = ""


def split_kind(folder: str) -> str | None:
    """The split of a folder name (``train2017``, ``seg_test``): train, test, validation, other, or None."""
    words = [word for word in re.findall("[a-z]+", folder.lower()) if word not in _FILLERS]
    return _KINDS.get(words[0]) if len(words) == 1 else None


def most_stray(count: int) -> int:
    """Number of images, of ``count``, that a guess may leave out: 5%, at least one."""
    return max(1, count // 20)


def choose_split(files: ImageFiles, split: str) -> Split:
    """Choose the files of a split. ``ganzoo.data.reading.layout.arranged`` documents the values of ``split``.

    Args:
        files: the collection.
        split: ``auto``, ``all``, ``none`` or the name of a folder.

    Raises:
        DataError: if there is no such folder.
    """
    names = [entry.name.replace("\\", "/") for entry in files.entries]
    paths = [name.split("/") for name in names]
    whole = Split(range(len(names)), names)
    if split == "none":
        return whole
    first: list[str] = []
    depth = 0
    while folders := {parts[depth] for parts in paths if len(parts) > depth + 1}:
        first = first or natural_order(folders)
        if split not in ("auto", "all"):
            chosen = {folder for folder in folders if folder == split} or {
                folder for folder in folders if split_kind(folder) == split_kind(split) is not None
            }
            if chosen:
                return _part(names, paths, depth, chosen)
        elif _are_splits(folders):
            stray = sum(len(parts) <= depth + 1 for parts in paths)
            if stray > most_stray(len(paths)):
                return whole
            return _guessed(_part(names, paths, depth, _wanted(folders, split)), folders, split, len(names))
        if len(folders) > 1:
            break
        depth += 1
    if split in ("auto", "all"):
        return whole
    has = f"has the folders {listed(first)}" if first else "has no folders"
    raise DataError(f"data.split={split}, but {files.path} {has}.{did_you_mean(split, first)}")


def _are_splits(folders: set[str]) -> bool:
    kinds = {split_kind(folder) for folder in folders}
    return "train" in kinds and len(kinds) > 1 and None not in kinds


def _wanted(folders: set[str], split: str) -> set[str]:
    return folders if split == "all" else {folder for folder in folders if split_kind(folder) == "train"}


def _part(names: Sequence[str], paths: Sequence[list[str]], depth: int, chosen: set[str]) -> Split:
    kept = [index for index, parts in enumerate(paths) if len(parts) > depth + 1 and parts[depth] in chosen]
    # Images outside all splits are reported. Images in the other splits are left out on purpose.
    stray = [name for name, parts in zip(names, paths, strict=True) if len(parts) <= depth + 1]
    return Split(kept, ["/".join(paths[index][depth + 1 :]) for index in kept], stray)


def _guessed(part: Split, folders: set[str], split: str, count: int) -> Split:
    if split == "all":
        return part
    shown = listed(natural_order(folders))
    note = (
        f"Split: train, {len(part.kept)} of {count} images; the folders are {shown} (data.split=all uses all, "
        "data.split=none treats them as classes)"
    )
    return Split(part.kept, part.names, part.stray, note)
