"""Commands for the reader of a message: each can be pasted into a POSIX shell and works from the present folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def command(verb: str, *words: str | os.PathLike[str], options: str = "") -> str:
    """A ``ganzoo`` command as one line of text.

    Args:
        verb: with options that come first, as in ``"data check"`` or ``"train --resume"``.
        words: names, paths and ``key=value`` texts of the user; each is quoted where a shell would change it.
        options: what follows, ready for a shell, as in ``"--grid -o grid.png"``.
    """
    quoted = [quote(os.fspath(word)) for word in words]
    tail = [options] if options else []
    if any(os.fspath(word).startswith("-") for word in words):  # else the word is read as an option
        return " ".join(["ganzoo", verb, *tail, "--", *quoted])
    return " ".join(["ganzoo", verb, *quoted, *tail])


def quote(word: str) -> str:
    """A word for a POSIX shell. Bytes and characters that a terminal cannot show are written as ``$'\\377'``."""
    if word.isprintable():
        from shlex import quote as plain  # not needed on the way to the first picture

        return plain(word)
    encoded = b"".join(_encoded(char) for char in word)
    return "$'" + "".join(_ANSI.get(byte, chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in encoded) + "'"


def run_word(folder: Path) -> str:
    """What to call a run in a command: ``model/number`` if it is found by that here, else the path of its folder."""
    from ganzoo.runs import runs_folder

    name = f"{folder.parent.name}/{folder.name}"
    if not Path(name).exists() and _same(runs_folder() / name, folder):
        return name
    return path_word(folder)


def path_word(path: Path) -> str:
    """A path in a command: relative if it was given so, or is below the present folder; else absolute."""
    with contextlib.suppress(OSError, ValueError):  # it is elsewhere, or relative, or the present folder was deleted
        path = path.relative_to(Path.cwd())
    return f"./{path}" if path.parts and path.parts[0].startswith("~") else os.fspath(path)


_ANSI = {ord("'"): "\\'", ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}


def _encoded(char: str) -> bytes:
    """UTF-8; a byte of a file name that is not UTF-8 (U+DC80 to U+DCFF in Python) is that byte again."""
    return char.encode("utf-8", errors="surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
