"""Files in a folder of ours that somebody else put there: a file manager of the system, or a person."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

SYSTEM_FILES = frozenset({".ds_store", ".localized", ".directory", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini"})
"""What Finder, Explorer and Dolphin write into folders that are looked at, in lower case. They write them again."""


def is_system_file(name: str) -> bool:
    """Whether a file of this name is written by a file manager, ``._NAME`` (attributes on foreign disks) included."""
    return name.lower() in SYSTEM_FILES or name.startswith("._")


def others_in(folder: Path, own: Collection[str]) -> list[str]:
    """Names in a folder, relative and with slashes, that are neither ours nor a file manager's.

    Args:
        folder: the folder.
        own: names of our files. A name of a folder covers all that is in it.
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
