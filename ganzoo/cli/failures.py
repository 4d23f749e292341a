"""Converts exceptions to error messages, by one table. An exception outside the table is a bug; it has a traceback."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from ganzoo.cli import output, streams
from ganzoo.environment.requirements import EXTRAS, missing_text
from ganzoo.errors import GanzooError

MISTAKE, INTERRUPTED, BROKEN_PIPE = 2, 130, 141
"""Exit codes: a user's mistake or a broken environment; Ctrl-C; the reader of a pipe has closed it."""


_USAGE_ERROR: Any = typer.BadParameter.__base__
"""Typer does not export the base class of its usage errors."""


class Commands(TyperGroup):
    """The group of all verbs. It runs a verb, and converts an exception to a message and an exit code."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parse the options before the verb. A wrong option is reported in one line, not in a box."""
        try:
            return super().make_context(*args, **options)
        except _USAGE_ERROR as error:
            text = _wrong_usage(error)
            if text is None:
                raise
            output.error(text)
            raise typer.Exit(MISTAKE) from error

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except KeyboardInterrupt:
            output.info("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _discard_stdout()
            raise typer.Exit(BROKEN_PIPE) from None
        except Exception as error:
            text = _wrong_usage(error) or explanation(error)
            if text is None:
                raise
            output.error(text)
            raise typer.Exit(MISTAKE) from error
        if streams.reader_left():
            raise typer.Exit(BROKEN_PIPE)
        return result


def _wrong_usage(error: Exception) -> str | None:
    """Return the one-line message for a wrong option or argument; None for a group without a verb (prints its help)."""
    if not isinstance(error, _USAGE_ERROR) or "Help" in type(error).__name__:
        return None
    context = error.ctx
    message = _wrong_value(error) or str(error.format_message())
    return message + (f"\nSee: {context.command_path} --help" if context else "")


def _wrong_value(error: Any) -> str | None:
    """Return the message for a value that pydantic rejected: the received value, and what is allowed."""
    if not hasattr(error.__cause__, "errors") or error.param is None:
        return None
    from ganzoo.config.validation import wish

    finding = error.__cause__.errors(include_url=False)[0]
    return f"Invalid value for {error.param.get_error_hint()}: received {str(finding['input'])[:80]!r}; {wish(finding)}"


def explanation(error: BaseException) -> str | None:
    """Return the message for an exception; None if the exception is a bug."""
    for error_type, explain in _TABLE:
        if isinstance(error, error_type):
            return explain(error)
    return None


def _missing_module(error: ImportError) -> str | None:
    module = (error.name or "").split(".")[0]
    if module not in EXTRAS:
        return None
    if isinstance(error, ModuleNotFoundError):
        return missing_text([module], action="This command")
    first = str(error).splitlines()[0]
    return f"{module} is installed but cannot be imported: {first}\nSee: ganzoo doctor"


_OF_THE_DISK = (errno.EIO, errno.EROFS, errno.ESTALE, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ENXIO, errno.ENODEV)
"""Errors of a disk or a permission. The error of a write or a flush has no file name in Python."""


def _failed_write(error: OSError) -> str | None:
    where = f" '{error.filename}'" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full, so{where or ' a file'} could not be written. Free some space and try again."
    if not error.filename and error.errno not in _OF_THE_DISK:
        return None
    return f"Cannot use{where or ' a file'}: {error.strerror}." if error.strerror else None


def _out_of_memory(error: BaseException) -> str:
    return (
        "Out of memory. In a training, a smaller batch size (training.batch_size=16) or a lower resolution needs less. "
        "Otherwise make or measure fewer samples at once."
    )


def _tensorflow(error: Exception) -> str | None:
    """Explain an error of TensorFlow. Its class is compared by name, so TensorFlow is not imported."""
    if type(error).__name__ != "ResourceExhaustedError":
        return None
    if "No space left" in str(error):
        return _failed_write(OSError(errno.ENOSPC, ""))
    return _out_of_memory(error)


_TABLE: tuple[tuple[type[BaseException], Callable[[Any], str | None]], ...] = (
    (GanzooError, str),
    (ImportError, _missing_module),
    (OSError, _failed_write),
    (MemoryError, _out_of_memory),
    (Exception, _tensorflow),
)


def _discard_stdout() -> None:
    """Redirect standard output to ``/dev/null``, so that Python's last flush does not fail."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
