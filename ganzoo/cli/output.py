"""Data goes to standard output, messages to standard error; tables are plain text where nobody watches."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import typer

from ganzoo.cli.streams import can_encode
from ganzoo.environment.commands import command

if TYPE_CHECKING:
    from ganzoo.config.experiment import Config


def print_data(text: str) -> None:
    """A line of data."""
    _write(text, sys.stdout)


def print_json(value: object) -> None:
    """Data for a script. Characters that standard output cannot write are escaped as JSON escapes them."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print_data(text if can_encode(text) else json.dumps(value, indent=2))


def info(text: str) -> None:
    """A message for a reader."""
    _write(_visible(text), sys.stderr)


def complain(text: str) -> None:
    """The message of a mistake."""
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    title = typer.style("Error: ", fg=typer.colors.RED, bold=True) if on_terminal else "Error: "
    _write(title + _visible(text), sys.stderr)


def _write(text: str, stream: TextIO | None) -> None:
    """Write a line and flush. Not ``typer.echo``, which replaces a stream that is not UTF-8 by one of its own."""
    if stream is not None:
        stream.write(text + "\n")
        stream.flush()


def _visible(text: str) -> str:
    """A text whose control characters, as a name may have them, do nothing to a terminal."""
    return "".join(char if _is_harmless(char) else char.encode("unicode_escape").decode() for char in text)


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char in "\n\t"


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), header: bool = True
) -> None:
    """A table of data: dressed on a terminal, elsewhere aligned columns that a script can split.

    Args:
        columns: headings.
        rows: as many texts as headings in each.
        right: headings of the columns that are aligned right.
        header: whether the plain form has the line of headings, too.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        _rich_table(columns, rows, right)
        return
    lines = [list(columns), *rows] if header else list(rows)
    widths = [max((len(line[place]) for line in lines), default=0) for place in range(len(columns))]
    for line in lines:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        ]
        print_data("  ".join(cells).rstrip())


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if column in right else "left", no_wrap=not place)
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    Console().print(table)


def generate_hint(what: str, config: Config) -> str:
    """The command that shows what a trained model makes."""
    from ganzoo.sample_sheet import preview_options

    return command("generate", what, options=preview_options(config.sample_spec))
