"""A lock that ends with its process, also between machines that share a disk.

The kernel holds the lock (flock), so it ends with the process, even after ``kill -9``. Between the processes of one
machine, the lock is exact. Between machines, it is exact if the file system shares locks (NFS 4, Ceph, ...), but a
program cannot find out whether it does. So the holder also writes a record of its process into the file, and updates
the file's time every few seconds. A process that finds the record of another machine watches the file's time for
``WATCH_SECONDS``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

BEAT_SECONDS = 4.0
"""Time between two updates of the file's time by the holder."""
WATCH_SECONDS = 15.0
"""How long to watch a file whose record is from another machine."""
_MAX_RECORD = 4096
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool | None:
        """Try to take the lock. Return whether this process has it; None if the file system has no locks."""
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # outside the record, which must stay readable
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool | None:
        """Try to take the lock. Return whether this process has it; None if the file system has no locks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return None
            raise
        return True


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        pid: ID of the process.
        host: name of its machine or container.
        since: when it took the lock, in local time with the offset from UTC.
        machine: ID of the running kernel. The containers of a machine share it; it changes at every boot.
    """

    pid: int
    host: str
    since: str
    machine: str

    @classmethod
    def this_process(cls) -> Holder:
        """Return the record of the current process."""
        return cls(os.getpid(), platform.node(), time.strftime("%Y-%m-%d %H:%M:%S %z"), _machine())

    @property
    def is_here(self) -> bool:
        """Whether the process is on this machine, where the kernel's lock is exact."""
        return self.machine == _machine()

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host!r} since {self.since}"


class HeldError(Exception):
    """Another process holds the lock. ``holder`` is None if the file has no record of it."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(f"held by {holder or 'another process'}")
        self.holder = holder


@contextlib.contextmanager
def lock(
    path: Path,
    *,
    wait: bool = False,
    on_wait: Callable[[Holder | None], None] = lambda holder: None,
    on_watch: Callable[[Holder], None] = lambda holder: None,
) -> Iterator[None]:
    """Hold the lock in the file ``path`` while the block runs. Afterwards the file is empty, but is not removed.

    Args:
        path: the lock's file, in an existing folder.
        wait: wait until the lock is free, instead of raising HeldError.
        on_wait: called once with the holder before waiting.
        on_watch: called before the record of another machine is watched, which takes up to ``WATCH_SECONDS``.

    Raises:
        HeldError: if another process holds the lock.
        OSError: if the file cannot be written.
    """
    has_waited = False
    while True:
        try:
            descriptor = _take(path, on_watch)
            break
        except HeldError as error:
            if not wait:
                raise
            if not has_waited:
                on_wait(error.holder)
            has_waited = True
            time.sleep(0.2)
    ended = threading.Event()
    beat = threading.Thread(target=_beat, args=(path, ended), name="ganzoo-lock", daemon=True)
    beat.start()
    try:
        yield
    finally:
        ended.set()
        beat.join()
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        _close(descriptor)


def is_beating(path: Path) -> bool:
    """Whether a process seems to hold the lock: its record was updated in the last ``WATCH_SECONDS``.

    Nothing is locked and nothing waits. So it is only for display: the clocks of two machines may differ.
    """
    try:
        status = path.stat()
    except OSError:
        return False
    return status.st_size > 0 and abs(time.time() - status.st_mtime) < WATCH_SECONDS


def _take(path: Path, on_watch: Callable[[Holder], None]) -> int:
    """Take the lock, and return the descriptor of its open file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        is_locked = _try_lock(descriptor)
        record = _read(descriptor)  # of a killed process, or of one whose kernel lock is not visible here
        if is_locked is False:
            raise HeldError(record)
        if record is not None and not (is_locked and record.is_here):
            on_watch(record)
            if _is_touched(path):
                raise HeldError(_read(descriptor) or record)
        _write(descriptor, Holder.this_process())
    except BaseException:
        _close(descriptor)
        raise
    return descriptor


def _close(descriptor: int) -> None:
    """Close the lock's file, which ends the lock. A failing disk may report an error here, but the file is closed.

    The record is no result of the block, so its error must not replace the block's.
    """
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _is_touched(path: Path) -> bool:
    """Return whether the file's time changes within ``WATCH_SECONDS``. The clocks of two machines are not compared."""
    first, deadline = _modified(path), time.monotonic() + WATCH_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.25)
        if _modified(path) != first:
            return True
    return False


def _modified(path: Path) -> int:
    with path.open("rb") as file:  # opening the file makes NFS ask the server again
        return os.fstat(file.fileno()).st_mtime_ns


def _beat(path: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(path)


def _read(descriptor: int) -> Holder | None:
    """Return the record in the file; None if it is missing or incomplete."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        values = json.loads(os.read(descriptor, _MAX_RECORD))
        held = {field.name: values[field.name] for field in fields(Holder)}
        return Holder(int(held["pid"]), *(str(held[name])[:100] for name in ("host", "since", "machine")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(asdict(holder)).encode())
    os.fsync(descriptor)


def _machine() -> str:
    """Return the boot ID of the running kernel; the host name on systems without one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return platform.node()
