"""Formats the commands in messages. Each command can be pasted into a POSIX shell in the current folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def command(verb: str, *words: str | os.PathLike[str], options: str = "") -> str:
    """Return a ``ganzoo`` command as one line of text.

    Args:
        verb: the verb and its first options, as in ``"data check"`` or ``"train --resume"``.
        words: the user's names, paths and ``key=value`` texts; each is quoted if a shell would change it.
        options: the remaining options, already quoted for a shell, as in ``"--grid -o grid.png"``.
    """
    quoted = [quote(os.fspath(word)) for word in words]
    tail = [options] if options else []
    if any(os.fspath(word).startswith("-") for word in words):  # without "--" the word would be read as an option
        return " ".join(["ganzoo", verb, *tail, "--", *quoted])
    return " ".join(["ganzoo", verb, *quoted, *tail])


def quote(word: str) -> str:
    """Quote a word for a POSIX shell. Bytes and characters that are not printable are written as ``$'\\377'``."""
    if word.isprintable():
        from shlex import quote as shell_quote  # imported here to keep the start fast

        return shell_quote(word)
    encoded = b"".join(_encoded(char) for char in word)
    return "$'" + "".join(_ANSI.get(byte, chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in encoded) + "'"


def run_word(folder: Path) -> str:
    """Return a run's name for a command: ``model/number`` if that finds the run here, else its folder's path."""
    from ganzoo.runs import runs_folder

    name = f"{folder.parent.name}/{folder.name}"
    if not Path(name).exists() and _same(runs_folder() / name, folder):
        return name
    return path_word(folder)


def path_word(path: Path) -> str:
    """Return a path for a command. A path in the current folder becomes relative; other paths stay as they are."""
    with contextlib.suppress(OSError, ValueError):  # it is outside, already relative, or the folder was deleted
        path = path.relative_to(Path.cwd())
    return f"./{path}" if path.parts and path.parts[0].startswith("~") else os.fspath(path)


_ANSI = {ord("'"): "\\'", ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}


def _encoded(char: str) -> bytes:
    """Encode a character as UTF-8. U+DC80 to U+DCFF (Python's bytes that are not UTF-8) become bytes again."""
    return char.encode("utf-8", errors="surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
