"""Finds files in a folder that ganzoo did not write: files of a file manager, or of the user."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

SYSTEM_FILES = frozenset({".ds_store", ".localized", ".directory", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini"})
"""Files that Finder, Explorer and Dolphin write into folders, in lower case. They may be deleted."""


def is_system_file(name: str) -> bool:
    """Whether a file manager writes files of this name, including ``._NAME`` (attributes on other file systems)."""
    return name.lower() in SYSTEM_FILES or name.startswith("._")


def others_in(folder: Path, own: Collection[str]) -> list[str]:
    """Names of the files in a folder that are not in ``own`` and not of a file manager; relative, with slashes.

    Args:
        folder: the folder.
        own: names of ganzoo's files. The name of a folder includes all its files.
    """
    parents = {parent.as_posix() for name in own for parent in Path(name).parents} - {"."}
    found: list[str] = []
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        for entry in os.scandir(folder / prefix):
            name = prefix + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder and name in parents:
                waiting.append(f"{name}/")
            elif name not in own and (is_folder or not is_system_file(entry.name)):
                found.append(name)
    return sorted(found)
