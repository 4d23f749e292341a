"""Standard output and standard error that never end a piece of work.

A name that a stream cannot encode is written with escapes. A stream that is closed, or whose reader has left, swallows
what is written to it: a training of ten hours must not die of a message. A full disk is still an error.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from typing import Any

STDIN, STDOUT, STDERR = 0, 1, 2
_GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET, errno.ENXIO)
"""What a write raises whose reader is not there any more: a pipe, a terminal, a closed descriptor, a socket."""


class _Descriptor(io.FileIO):
    """A file descriptor that becomes ``/dev/null`` after a write that failed, so that nothing fails again at the exit.

    ``reader_left`` is True once the reader has left. Only a full disk is raised, and of standard output alone.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.reader_left = False

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            _point_to_nowhere(self.fileno())
            if error.errno not in _GONE and self.fileno() == STDOUT:
                raise
        self.reader_left = True
        return memoryview(data).nbytes


def prepare() -> None:
    """Make ``sys.stdout`` and ``sys.stderr`` safe. Call it once, before anything is written."""
    codecs.register_error("ganzoo-names", _escaped)
    for number in (
        STDIN,
        STDOUT,
        STDERR,
    ):  # else the next file that is opened takes the number, and other libraries write into it
        _open_if_closed(number)
    sys.stdout = _safe(sys.stdout, STDOUT)
    sys.stderr = _safe(sys.stderr, STDERR)


def reader_left() -> bool:
    """Whether the reader of standard output left before everything was written."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Descriptor) and raw.reader_left


def forget_reader() -> None:
    """Make ``reader_left`` False: what was not read does not matter."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Descriptor):
        raw.reader_left = False


def can_encode(text: str) -> bool:
    """Whether standard output can write a text as it is."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _safe(stream: Any, number: int) -> Any:
    """The stream with the same encoding over a ``_Descriptor``; unchanged where it is something else."""
    if stream is None:
        encoding, at_once = "utf-8", True
    elif _is_descriptor(stream, number):
        unbuffered = isinstance(stream.buffer, io.FileIO)  # python -u
        encoding, at_once = stream.encoding, stream.line_buffering or unbuffered
        stream.flush()
    else:  # a console of Windows, or a stream of whoever calls us
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="ganzoo-names")
        return stream
    errors = "ganzoo-names" if number == STDOUT else "backslashreplace"
    buffer = io.BufferedWriter(_Descriptor(number))
    return io.TextIOWrapper(buffer, encoding=encoding, errors=errors, line_buffering=at_once)


def _is_descriptor(stream: Any, number: int) -> bool:
    buffer = getattr(stream, "buffer", None)
    return type(getattr(buffer, "raw", buffer)) is io.FileIO and stream.fileno() == number


def _escaped(error: UnicodeError) -> tuple[bytes, int]:
    """For ``codecs``: the bytes of a file name that are not UTF-8 are written as they are, other characters escaped."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    written = b""
    for char in error.object[error.start : error.end]:
        is_byte = "\udc80" <= char <= "\udcff"
        written += bytes([ord(char) - 0xDC00]) if is_byte else char.encode("ascii", errors="backslashreplace")
    return written, error.end


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        _point_to_nowhere(number)


def _point_to_nowhere(number: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
