"""The destination of a verb's output (``-o`` and ``--format``): a file, a folder or standard output."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from ganzoo.environment.places import expanded
from ganzoo.errors import GanzooError, did_you_mean

STDOUT = "-"


@dataclasses.dataclass(frozen=True)
class Output:
    """A parsed ``-o``.

    Attributes:
        path: of the file or folder.
        suffix: of the file, in lower case; the format, for standard output.
        is_folder: whether files of other names go into ``path``.
        is_stdout: whether standard output is meant; ``path`` has no meaning then.
        is_given: whether the user named it.
    """

    path: Path
    suffix: str = ""
    is_folder: bool = False
    is_stdout: bool = False
    is_given: bool = True

    @classmethod
    def parse(cls, text: str | None, form: str | None = None) -> Output:
        """Read ``-o`` and ``--format``.

        A folder is what exists and is one, what ends with a slash, and what has no suffix.

        Raises:
            GanzooError: if ``--format`` is given without ``-o -``, standard output is a terminal, or the path begins
                with ``~`` and a user that does not exist.
        """
        if text == STDOUT:
            if sys.stdout.isatty():
                raise GanzooError(
                    "Standard output is a terminal, which cannot show a file. Name one with -o, or pipe it: -o - | ..."
                )
            return cls(Path(STDOUT), suffix=f".{form.lower().lstrip('.')}" if form else "", is_stdout=True)
        if form is not None:
            raise GanzooError("--format goes with -o - (standard output); a file has its format in its name: -o x.png")
        if text is None:
            return cls(Path(), is_folder=True, is_given=False)
        path = expanded(text)
        ends_with_slash = text.endswith(("/", os.sep))
        return cls(path, path.suffix.lower(), is_folder=ends_with_slash or path.is_dir() or not path.suffix)

    def with_suffix(self, default: str) -> Output:
        """This, with a format if it has none."""
        return self if self.suffix else dataclasses.replace(self, suffix=default)

    def file(self, name: str) -> Output:
        """The file of that name in this folder."""
        path = self.path / name
        return dataclasses.replace(self, path=path, suffix=path.suffix.lower(), is_folder=False)

    def folder(self, name: str) -> Output:
        """The folder of that name in this folder."""
        return dataclasses.replace(self, path=self.path / name)

    def check_suffix(self, allowed: Collection[str]) -> None:
        """Refuse other formats.

        Raises:
            GanzooError: with those that are allowed, and how to name a folder.
        """
        if self.suffix in allowed:
            return
        near = did_you_mean(self.suffix, allowed)
        if self.is_stdout:
            names = ", ".join(suffix[1:] for suffix in allowed)
            raise GanzooError(f"No format '{self.suffix[1:]}'; allowed: {names}.")
        raise GanzooError(
            f"Cannot write '{self.path}': the suffix is none of {', '.join(allowed)}.{near} "
            f"For a folder of that name: -o {self.path}/"
        )

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The open file. It is written whole or not at all; standard output is written as it comes.

        Raises:
            GanzooError: if it cannot be written.
        """
        from ganzoo.environment import files

        if self.is_stdout:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        try:
            with files.replacing_file(self.path) as file:
                yield file
        except OSError as error:
            raise GanzooError(files.cannot_write(self.path, error)) from error
