"""A lock on a folder's work that a dead process never holds, also between the machines of a shared disk.

The kernel holds the lock (flock), so that it ends with its process, kill -9 included. Between the processes of one
machine this is exact. Between machines it is exact where the file system passes locks on (NFS 4, Ceph, ...), and nobody
can ask a file system whether it does. So the holder also writes who it is into the file and touches the file every few
seconds. Whoever finds the record of another machine watches for a moment whether the file is still touched.
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
"""Time between two touches by the holder."""
WATCH_SECONDS = 15.0
"""How long the file of another machine's holder is watched."""
_MAX_RECORD = 4096
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool | None:
        """Whether this process has the lock now; None where the file system has no locks."""
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # other bytes than the record's, which stays readable
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool | None:
        """Whether this process has the lock now; None where the file system has no locks."""
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
    """Who holds a lock.

    Attributes:
        pid: number of the process.
        host: name of its machine or container.
        since: when it took the lock, local time with the offset from UTC.
        machine: one running kernel: containers of one machine share it, and it changes with every start.
    """

    pid: int
    host: str
    since: str
    machine: str

    @classmethod
    def this_process(cls) -> Holder:
        """The record of the process that runs this."""
        return cls(os.getpid(), platform.node(), time.strftime("%Y-%m-%d %H:%M:%S %z"), _machine())

    @property
    def is_here(self) -> bool:
        """Whether its process runs on this machine, so that the kernel's word is enough."""
        return self.machine == _machine()

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host!r} since {self.since}"


class HeldError(Exception):
    """The lock is held by somebody else; ``holder`` is None if the file does not name one."""

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
    """Hold the lock in the file ``path`` while the block runs. The file stays; it is empty while nobody holds the lock.

    Args:
        path: in a folder that exists.
        wait: wait until the lock is free, in place of raising HeldError.
        on_wait: called once with the holder before a wait.
        on_watch: called before the record of another machine is watched, which takes up to ``WATCH_SECONDS``.

    Raises:
        HeldError: if somebody else holds the lock.
        OSError: if the file cannot be written.
    """
    waited = False
    while True:
        try:
            descriptor = _taken(path, on_watch)
            break
        except HeldError as error:
            if not wait:
                raise
            if not waited:
                on_wait(error.holder)
            waited = True
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
        os.close(descriptor)


def _taken(path: Path, on_watch: Callable[[Holder], None]) -> int:
    """The open file of a lock that is ours now."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        got = _try_lock(descriptor)
        left = _read(descriptor)  # by a process that was killed, or that the kernel's locks do not reach
        if got is False:
            raise HeldError(left)
        if left is not None and not (got and left.is_here):
            on_watch(left)
            if _is_touched(path):
                raise HeldError(_read(descriptor) or left)
        _write(descriptor, Holder.this_process())
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_touched(path: Path) -> bool:
    """Whether somebody touches the file within ``WATCH_SECONDS``. Clocks of two machines are not compared."""
    first, deadline = _modified(path), time.monotonic() + WATCH_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.25)
        if _modified(path) != first:
            return True
    return False


def _modified(path: Path) -> int:
    with path.open("rb") as file:  # opening makes NFS ask the server anew
        return os.fstat(file.fileno()).st_mtime_ns


def _beat(path: Path, ended: threading.Event) -> None:
    while not ended.wait(BEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(path)


def _read(descriptor: int) -> Holder | None:
    """The record in the file; None if there is none, or not a whole one."""
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
    """What only one running kernel has; the host's name where the system has nothing better."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return platform.node()
