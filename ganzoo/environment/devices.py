"""The processor cores and the memory that this process may use.

In a container, they are less than those of the machine. All other modules ask this one.
"""

from __future__ import annotations

import os
from pathlib import Path

from ganzoo.environment import cgroups

UNKNOWN_MEMORY = 4 << 30
"""Bytes of free memory that are assumed on systems without ``/proc/meminfo``, such as macOS."""
_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Names of bfloat16 instructions in ``/proc/cpuinfo``."""


def cpu_count(proc: Path = Path("/proc")) -> int:
    """Return the number of processor cores that this process may use, at least 1.

    It respects the affinity of the process (``taskset``, a container's cpuset) and the processor time of its control
    group (``docker run --cpus``).

    Args:
        proc: the folder in which the system describes its processes.
    """
    quotas = [cgroups.cpu_quota(group) for group in _groups("cpu", proc)]
    return min([affinity_count(), *(quota for quota in quotas if quota is not None)])


def affinity_count() -> int:
    """Return the number of processor cores in the affinity of this process, at least 1."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except (AttributeError, OSError):  # not on macOS and Windows
        return os.cpu_count() or 1


def has_bfloat16(proc: Path = Path("/proc")) -> bool:
    """Return whether the processor has bfloat16 instructions. False if the system does not tell (macOS, Windows)."""
    for line in _read(proc / "cpuinfo").splitlines():
        name, _, words = line.partition(":")
        if name.strip() in ("flags", "Features"):  # of x86 and of ARM
            return not _BFLOAT16.isdisjoint(words.split())
    return False


def available_memory(proc: Path = Path("/proc")) -> int:
    """Return the bytes that this process may still allocate without swapping or being killed.

    It is the minimum over the machine, the control group (``docker run --memory``) and the process's own limit
    (``ulimit -v``).
    """
    machine = meminfo_available(_read(proc / "meminfo"))
    rooms = [UNKNOWN_MEMORY if machine is None else machine, _address_space_left(proc)]
    rooms += [cgroups.memory_room(group) for group in _groups("memory", proc)]
    return min(room for room in rooms if room is not None)


def meminfo_available(meminfo: str) -> int | None:
    """Return the available bytes from the text of ``/proc/meminfo``: free memory and cache that is quickly freed.

    Kernels older than 3.14 have no ``MemAvailable``, so it is estimated from ``MemFree``. None if both are missing.
    """
    amounts = {}
    for line in meminfo.splitlines():
        name, _, amount = line.partition(":")
        words = amount.split()
        if words and words[0].isascii() and words[0].isdigit():
            amounts[name] = int(words[0]) << 10
    if "MemAvailable" in amounts:
        return amounts["MemAvailable"]
    if "MemFree" not in amounts:
        return None
    return amounts["MemFree"] + amounts.get("Cached", 0) - amounts.get("Shmem", 0)


def _groups(controller: str, proc: Path) -> tuple[cgroups.Group, ...]:
    membership = _read(proc / "self" / "cgroup")
    if not membership:
        return ()
    return cgroups.find_groups(controller, membership=membership, mounts=_read(proc / "self" / "mountinfo"))


def _address_space_left(proc: Path) -> int | None:
    """Return the bytes left under ``ulimit -v``; None if there is no such limit."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _read(proc / "self" / "statm").split()
    if limit == resource.RLIM_INFINITY or not pages:
        return None
    return max(0, limit - int(pages[0]) * resource.getpagesize())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
