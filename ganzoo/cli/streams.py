"""Makes standard output and standard error safe, so that a failed message never stops a long training.

Characters that a stream cannot encode are escaped. A closed stream, or a stream without a reader, discards its text.
A full disk is still an error.
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
"""Errors of a write without a reader: on a closed pipe, terminal, descriptor or socket."""


class _Descriptor(io.FileIO):
    """A file descriptor that is redirected to ``/dev/null`` after a failed write, so that the exit does not fail.

    ``reader_left`` is True after a write without a reader. Only a full disk raises, and only on standard output.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.reader_left = False

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            _redirect_to_null(self.fileno())
            if error.errno not in _GONE and self.fileno() == STDOUT:
                raise
        self.reader_left = True
        return memoryview(data).nbytes


def prepare() -> None:
    """Make ``sys.stdout`` and ``sys.stderr`` safe. Call it once, before any output."""
    codecs.register_error("ganzoo-names", _escaped)
    # The next opened file would get the number of a closed stream, and other libraries would write into this file.
    for number in (STDIN, STDOUT, STDERR):
        _open_if_closed(number)
    sys.stdout = _safe(sys.stdout, STDOUT)
    sys.stderr = _safe(sys.stderr, STDERR)


def reader_left() -> bool:
    """Return whether the reader of standard output closed it before everything was written."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Descriptor) and raw.reader_left


def forget_reader() -> None:
    """Reset ``reader_left`` to False: the unread output does not matter."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Descriptor):
        raw.reader_left = False


def can_encode(text: str) -> bool:
    """Return whether standard output can encode a text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _safe(stream: Any, number: int) -> Any:
    """Return the stream with the same encoding on a ``_Descriptor``. A stream without a descriptor is not replaced."""
    if stream is None:
        encoding, line_buffering = "utf-8", True
    elif _is_descriptor(stream, number):
        unbuffered = isinstance(stream.buffer, io.FileIO)  # python -u
        encoding, line_buffering = stream.encoding, stream.line_buffering or unbuffered
        stream.flush()
    else:  # a console of Windows, or a stream of the calling program
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="ganzoo-names")
        return stream
    errors = "ganzoo-names" if number == STDOUT else "backslashreplace"
    buffer = io.BufferedWriter(_Descriptor(number))
    return io.TextIOWrapper(buffer, encoding=encoding, errors=errors, line_buffering=line_buffering)


def _is_descriptor(stream: Any, number: int) -> bool:
    buffer = getattr(stream, "buffer", None)
    return type(getattr(buffer, "raw", buffer)) is io.FileIO and stream.fileno() == number


def _escaped(error: UnicodeError) -> tuple[bytes, int]:
    """Error handler for ``codecs``: writes a file name's bytes that are not UTF-8 unchanged, and escapes the rest."""
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
        _redirect_to_null(number)


def _redirect_to_null(number: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
