"""Reads the limits of this process's control group. Linux containers use control groups to limit resources.

It supports versions 1 and 2 of the kernel's interface, and machines that mount both. Groups are nested, so the lowest
limit of a group and its parents applies. A file that is missing or cannot be parsed sets no limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

UNLIMITED = 1 << 60
"""Version 1 writes a number near 2 ** 63 if memory is not limited."""


class Group(NamedTuple):
    """The folders of one controller (this process's group and its parents), and the interface's version."""

    folders: tuple[Path, ...]
    version: int


def find_groups(controller: str, *, membership: str, mounts: str) -> tuple[Group, ...]:
    """Find the files of a controller: those of version 1, version 2, or both.

    Args:
        controller: ``memory`` or ``cpu``.
        membership: the text of ``/proc/self/cgroup``.
        mounts: the text of ``/proc/self/mountinfo``.
    """
    found = []
    for version, root, mount_point in _mounted(controller, mounts):
        path = _membership(controller if version == 1 else "", membership)
        if path is not None:
            found.append(Group(_folders(path, root, mount_point), version))
    return tuple(found)


def memory_room(group: Group) -> int | None:
    """Return the bytes that the processes of a group may still allocate; None if there is no limit.

    The kernel's file cache counts as free, because the kernel drops it first.
    """
    rooms = [_memory_room(folder, group.version) for folder in group.folders]
    return min((room for room in rooms if room is not None), default=None)


def cpu_quota(group: Group) -> int | None:
    """Return the group's share of processor time in cores, rounded up; None if there is no limit."""
    quotas = [_cpu_quota(folder, group.version) for folder in group.folders]
    return min((quota for quota in quotas if quota is not None), default=None)


def _mounted(controller: str, mounts: str) -> Iterator[tuple[int, PurePosixPath, Path]]:
    """Yield version, root and mount point of each mounted hierarchy that may have the controller."""
    for line in mounts.splitlines():
        mount_text, _, file_system_text = line.partition(" - ")
        mount_fields, file_system_fields = mount_text.split(" "), file_system_text.split(" ")
        file_system, controllers = file_system_fields[0], file_system_fields[-1].split(",")
        is_mounted = file_system == "cgroup2" or (file_system == "cgroup" and controller in controllers)
        if len(mount_fields) < 5 or not is_mounted:
            continue
        root, mount_point = (_unescaped(field) for field in mount_fields[3:5])
        yield 2 if file_system == "cgroup2" else 1, PurePosixPath(root), Path(mount_point)


def _membership(controller: str, membership: str) -> PurePosixPath | None:
    """Return the group of this process. The hierarchy of version 2 has an empty list of controllers."""
    for line in membership.splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if path and controller in controllers.split(","):
            return PurePosixPath(path)
    return None


def _folders(path: PurePosixPath, root: PurePosixPath, mount_point: Path) -> tuple[Path, ...]:
    """Return the folders of the group and its parents, up to the mount point.

    In a container, the mount may start at a group (``root``), or may not contain the group. The folder of the mount
    point is then the closest one that is visible.
    """
    is_inside = path.is_relative_to(root) and ".." not in path.parts
    parts = path.relative_to(root).parts if is_inside else ()
    return tuple(mount_point.joinpath(*parts[:count]) for count in range(len(parts), -1, -1))


def _memory_room(folder: Path, version: int) -> int | None:
    names = ("memory.max", "memory.high") if version == 2 else ("memory.limit_in_bytes",)
    limits = [limit for limit in (_number(_text(folder / name)) for name in names) if limit is not None]
    used = _number(_text(folder / ("memory.current" if version == 2 else "memory.usage_in_bytes")))
    if used is None or not limits or min(limits) >= UNLIMITED:
        return None
    return max(0, min(limits) - used + _file_cache(_text(folder / "memory.stat"), version))


def _file_cache(stat: str, version: int) -> int:
    """Return the bytes of cached files in this group and its children, from the text of ``memory.stat``."""
    prefix = "total_" if version == 1 else ""
    names = (f"{prefix}active_file ", f"{prefix}inactive_file ")
    return sum(_number(line.split(" ")[1]) or 0 for line in stat.splitlines() if line.startswith(names))


def _cpu_quota(folder: Path, version: int) -> int | None:
    if version == 2:
        quota, period = (_number(word) for word in [*_text(folder / "cpu.max").split(), "", ""][:2])
    else:
        quota, period = (_number(_text(folder / f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
    if quota is None or not period or quota <= 0:
        return None
    return max(1, math.ceil(quota / period))


def _number(text: str) -> int | None:
    """Parse a whole number from 0 up; None for ``max``, ``-1`` and any other text."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _unescaped(path: str) -> str:
    """Undo the escapes of mountinfo, which writes a space as ``\\040``."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path
