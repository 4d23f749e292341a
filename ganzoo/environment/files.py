"""Replaces files and folders atomically: a reader gets the old version or the new version, never a part.

The new version is written under a hidden temporary name in the same folder, and renamed at the end. The name contains
the machine, the process and a random number. So threads, processes and containers on one disk never share a name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

STALE_SECONDS = 7 * 24 * 3600.0
"""A temporary file or folder of this age is a leftover, even if its process may run on another machine."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a full disk, and of a quota that is used up."""
_NEW, _OLD = ".tmp-", ".old-"
"""Marks in temporary names: of the new version, and of an old folder that is being replaced."""
_LONGEST = 200
"""Bytes of the final name that the temporary name keeps."""
_ATTEMPTS = 100


def temporary_path(path: Path) -> Path:
    """Return a new hidden name in the folder of ``path``. Each call returns another name; nothing is created."""
    return _unique(path, _NEW)


def cannot_write(path: Path, error: OSError) -> str:
    """The message for a file that could not be written."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        parent = next((parent for parent in path.parents if parent.exists() and not parent.is_dir()), None)
        if parent is not None:
            return f"Cannot write '{path}': '{parent}' is a {'file' if parent.is_file() else 'device'}, not a folder."
    return f"Cannot write '{path}': {error.strerror or error}."


@contextlib.contextmanager
def replacing_path(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Yield the temporary path of a file that the block writes; rename it to ``path`` if the block succeeds.

    Missing parent folders are created. If the block raises, the temporary file is removed and ``path`` is unchanged.

    Args:
        path: the file to create or replace.
        sync: flush the file to the disk before it is renamed.

    Raises:
        OSError: if the file cannot be written or renamed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    try:
        yield temporary
        if sync:
            _sync(temporary)
        temporary.replace(path)
        if sync:
            _sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def replacing_file(path: Path, *, sync: bool = False) -> Iterator[BinaryIO]:
    """``replacing_path`` for a block that writes to an open binary file.

    Raises:
        OSError: if the file cannot be written or renamed.
    """
    with replacing_path(path, sync=sync) as temporary, temporary.open("xb") as file:
        yield file


def write_file(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Write ``content`` to ``path``, replacing an older file.

    Raises:
        OSError: if the file cannot be written or renamed. An older file is then unchanged.
    """
    with replacing_file(path, sync=sync) as file:
        file.write(content)


def change_name(path: Path, name: str) -> None:
    """Give a complete file another name in its folder.

    Raises:
        OSError: if it cannot be renamed.
    """
    path.rename(path.with_name(name))


def npy_content(array: Any) -> bytes:
    """Return the content of a .npy file.

    ``numpy.save`` writes to an open file by C functions. On a full disk its error does not have the reason, and for the
    last 4 kB there is no error at all. So the content is written like that of any other file.
    """
    import io

    import numpy as np

    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def has_mark(path: Path, mark: bytes) -> bool:
    """Whether a file can be read and has ``mark`` in its first 4,096 bytes, as files have that ganzoo wrote."""
    try:
        with path.open("rb") as file:
            return mark in file.read(4096)
    except OSError:
        return False


@contextlib.contextmanager
def replacing_folder(path: Path, *, unless: Callable[[], bool] = lambda: False) -> Iterator[Path]:
    """Yield an empty temporary folder that the block fills; rename it to ``path`` if the block succeeds.

    Every file in it is flushed to the disk before the folder is renamed. An older folder at ``path`` is moved away
    first, because a folder cannot be renamed to the name of a folder with files. Leftovers of killed processes are
    removed.

    Args:
        path: the folder to create or replace.
        unless: called before the folder is renamed; if it returns True, ``path`` stays as it is.

    Raises:
        OSError: if the folder cannot be created, synced or renamed. An older folder is then unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent, path.name)
    temporary = temporary_path(path)
    try:
        temporary.mkdir()
        yield temporary
        _sync_tree(temporary)
        if not unless():
            move_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_folder(new: Path, path: Path) -> None:
    """Rename the folder ``new`` to ``path``, and remove an older ``path``. Of two processes, the later one wins.

    On Linux there is a folder at ``path`` at every moment, also if this process is killed. Elsewhere there is a moment
    without one; ``remove_leftovers`` then restores the older one.

    Raises:
        OSError: if renaming fails. An older ``path`` is then restored.
    """
    if _exchange(new, path):
        try:
            _sync(path.parent)
        except OSError:
            _exchange(new, path)
            raise
        remove(new)
        return
    for attempt in range(_ATTEMPTS):
        old = _unique(path, _OLD)
        with contextlib.suppress(FileNotFoundError):
            path.rename(old)
        try:
            new.rename(path)
        except OSError as error:
            is_taken = error.errno in (errno.ENOTEMPTY, errno.EEXIST)
            if is_taken and attempt < _ATTEMPTS - 1:
                remove(old)  # another process has renamed its folder to ``path``: move that one away, too
                continue
            if old.exists() and not os.path.lexists(path):
                old.rename(path)
            raise
        else:
            remove(old)
            _sync(path.parent)
            return


def _exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step. False if one is missing, or the system cannot do it."""
    if os.name != "posix":
        return False
    import ctypes

    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError):
        return False  # only Linux has this function
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)


def _sync_tree(folder: Path) -> None:
    """Flush a folder to the disk: its files, its folders and their lists of names."""
    for subfolder, _, names in os.walk(folder, topdown=False):
        for name in names:
            _sync(Path(subfolder, name))
        _sync(Path(subfolder))


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content, as far as possible. No error is raised."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink()


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove the temporary files and folders that killed processes left in ``folder``.

    A leftover belongs to a process of this machine that has ended, or has not changed for ``STALE_SECONDS``.

    Args:
        folder: the folder to search; it need not exist.
        name: remove only the leftovers of this file or folder; by default all.
    """
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            path = Path(entry.path)
            for mark in (_NEW, _OLD):
                start, found, unique = entry.name.rpartition(mark)
                if not found or not start.startswith(".") or (name is not None and start != _hidden(name)):
                    continue
                if not _is_leftover(path, unique):
                    continue
                final = path.with_name(start[1:])
                if mark == _OLD and not os.path.lexists(final):
                    path.rename(final)  # the process was killed between two renames: this is the only copy
                else:
                    remove(path)


def _is_leftover(path: Path, unique: str) -> bool:
    machine, _, rest = unique.partition("-")
    pid = rest.partition("-")[0]
    if not pid.isdecimal():
        return False  # this module did not create the name
    if machine == _machine() and not _is_alive(int(pid)):
        return True
    try:
        entries = path.iterdir() if path.is_dir() else ()
        newest: float = max(entry.stat().st_mtime for entry in (path, *entries))
    except OSError:
        return False  # another process removes or renames it now
    return time.time() - newest > STALE_SECONDS


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # Windows has no safe way to find out
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _unique(path: Path, mark: str) -> Path:
    return path.with_name(f"{_hidden(path.name)}{mark}{_machine()}-{os.getpid()}-{os.urandom(6).hex()}")


def _hidden(name: str) -> str:
    """Return the name with a leading dot, shortened to leave room for a mark: file systems allow 255 bytes."""
    short = name
    while len(os.fsencode(short)) > _LONGEST:
        short = short[:-1]
    return f".{short}"


@cache
def _machine() -> str:
    """Return eight hexadecimal digits for the host and its PID namespace: containers can share a host name."""
    import hashlib
    import socket

    namespace = ""
    with contextlib.suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - it is not a path
    return hashlib.sha256(f"{socket.gethostname()} {namespace}".encode(errors="surrogateescape")).hexdigest()[:8]


def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk. Windows cannot flush folders, and needs files open for writing."""
    folder = path.is_dir()
    if folder and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if folder or os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
