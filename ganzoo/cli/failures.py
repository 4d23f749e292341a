"""From an exception to what the user reads. One table; what is not in it is a bug and keeps its traceback."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from ganzoo.cli import streams
from ganzoo.cli.output import complain, info
from ganzoo.environment.requirements import EXTRAS, missing_text
from ganzoo.errors import GanzooError

MISTAKE, INTERRUPTED, BROKEN_PIPE = 2, 130, 141
"""Exit codes: a mistake of the user or a broken environment; Ctrl-C; the reader of a pipe has gone."""


_USAGE_ERROR: Any = typer.BadParameter.__base__
"""Typer keeps the base class of wrong usage to itself."""


class Commands(TyperGroup):
    """The group of all verbs: runs one, and turns what goes wrong into a message and an exit code."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read what is left of the verb; a wrong option there is one line, too, and not a box."""
        try:
            return super().make_context(*args, **options)
        except _USAGE_ERROR as error:
            text = _wrong_usage(error)
            if text is None:
                raise
            complain(text)
            raise typer.Exit(MISTAKE) from error

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
        except KeyboardInterrupt:
            info("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _forget_stdout()
            raise typer.Exit(BROKEN_PIPE) from None
        except Exception as error:
            text = _wrong_usage(error) or explanation(error)
            if text is None:
                raise
            complain(text)
            raise typer.Exit(MISTAKE) from error
        if streams.reader_left():
            raise typer.Exit(BROKEN_PIPE)
        return result


def _wrong_usage(error: Exception) -> str | None:
    """A wrong option or argument, in one line and not in a box. A bare group of verbs shows its help as usual."""
    if not isinstance(error, _USAGE_ERROR) or "Help" in type(error).__name__:
        return None
    context = error.ctx
    message = _wrong_value(error) or str(error.format_message())
    return message + (f"\nSee: {context.command_path} --help" if context else "")


def _wrong_value(error: Any) -> str | None:
    """A value that Typer had checked by pydantic: what was received, and what is allowed."""
    if not hasattr(error.__cause__, "errors") or error.param is None:
        return None
    from ganzoo.config.validation import wish

    finding = error.__cause__.errors(include_url=False)[0]
    return f"Invalid value for {error.param.get_error_hint()}: received {str(finding['input'])[:80]!r}; {wish(finding)}"


def explanation(error: BaseException) -> str | None:
    """What to tell the user about an exception; None if it is a bug."""
    for kind, explain in _TABLE:
        if isinstance(error, kind):
            return explain(error)
    return None


def _missing_module(error: ImportError) -> str | None:
    module = (error.name or "").split(".")[0]
    if module not in EXTRAS:
        return None
    if isinstance(error, ModuleNotFoundError):
        return missing_text([module], action="This")
    first = str(error).splitlines()[0]
    return f"{module} is installed and does not start: {first}\nSee: ganzoo doctor"


def _failed_write(error: OSError) -> str | None:
    where = f" '{error.filename}'" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full, so{where or ' a file'} could not be written. Make room and try again."
    return f"Cannot use{where}: {error.strerror}." if error.filename and error.strerror else None


def _out_of_memory(error: BaseException) -> str:
    return "Out of memory. Ask for less at a time, for example training.batch_size=16, or a lower resolution."


def _tensorflow(error: Exception) -> str | None:
    """TensorFlow's own errors, which cannot be named here without importing it."""
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


def _forget_stdout() -> None:
    """Point standard output to nowhere, so that Python does not complain when it flushes at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
