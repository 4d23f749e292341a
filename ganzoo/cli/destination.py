"""The destination of a verb's output (``-o`` and ``--format``): a file, a folder or standard output."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ganzoo.environment.places import expanded
from ganzoo.errors import GanzooError, did_you_mean

if TYPE_CHECKING:
    from ganzoo.inference.generator import Generator

STDOUT = "-"
HTML_SUFFIXES = (".html", ".htm")


@dataclasses.dataclass(frozen=True)
class Output:
    """The destination of a verb's output.

    Attributes:
        path: the path of the file or folder.
        suffix: the suffix of the file in lower case; for standard output, the format.
        is_folder: ``path`` is a folder for files with other names.
        is_stdout: the output goes to standard output, and ``path`` is ignored.
        is_given: the user gave ``-o``.
    """

    path: Path
    suffix: str = ""
    is_folder: bool = False
    is_stdout: bool = False
    is_given: bool = True

    @classmethod
    def parse(cls, text: str | None, form: str | None = None) -> Output:
        """Parse ``-o`` and ``--format``.

        A path is a folder if it is an existing folder, ends with a slash, or has no suffix.

        Raises:
            GanzooError: if ``--format`` is given without ``-o -``, standard output is a terminal, or the path starts
                with ``~`` and an unknown user.
        """
        if text == STDOUT:
            if sys.stdout.isatty():
                raise GanzooError(
                    "Cannot write a file to standard output, because it is a terminal. "
                    "Choose a file with -o FILE, or use a pipe: -o - | ..."
                )
            return cls(Path(STDOUT), suffix=f".{form.lower().lstrip('.')}" if form else "", is_stdout=True)
        if form is not None:
            raise GanzooError(
                "--format is only for standard output (-o -). For a file, choose the format by its suffix: -o x.png"
            )
        if text is None:
            return cls(Path(), is_folder=True, is_given=False)
        path = expanded(text)
        ends_with_slash = text.endswith(("/", os.sep))
        return cls(path, path.suffix.lower(), is_folder=ends_with_slash or path.is_dir() or not path.suffix)

    def with_suffix(self, default: str) -> Output:
        """Return this output, with a default format if it has none."""
        return self if self.suffix else dataclasses.replace(self, suffix=default)

    def file(self, name: str) -> Output:
        """Return a file in this folder."""
        path = self.path / name
        return dataclasses.replace(self, path=path, suffix=path.suffix.lower(), is_folder=False)

    def folder(self, name: str) -> Output:
        """Return a subfolder of this folder."""
        return dataclasses.replace(self, path=self.path / name)

    def check_suffix(self, allowed: Collection[str]) -> None:
        """Check that the format is allowed.

        Raises:
            GanzooError: if the format is not allowed. The message lists the allowed ones, and how to write a folder.
        """
        if self.suffix in allowed:
            return
        near = did_you_mean(self.suffix, allowed)
        if self.is_stdout:
            names = ", ".join(suffix[1:] for suffix in allowed)
            raise GanzooError(f"Unknown format '{self.suffix[1:]}'. Allowed: {names}.")
        raise GanzooError(
            f"Cannot write '{self.path}': the suffix must be one of {', '.join(allowed)}.{near} "
            f"To write to a folder with this name: -o {self.path}/"
        )

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open the output. A file is written completely or not at all; standard output is written directly.

        Raises:
            GanzooError: if the file cannot be written.
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


def check_outside(target: Output, generator: Generator) -> None:
    """Refuse to write into the generator's bundle, where a file could replace one of the bundle.

    Raises:
        GanzooError: if the output is in the bundle's folder.
    """
    folder = generator.bundle.folder
    if not target.is_stdout and generator.bundle.contains(target.path):
        raise GanzooError(
            f"'{target.path}' is in the bundle '{folder}', and no samples are written there; choose another."
        )
