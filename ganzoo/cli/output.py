"""Prints data to standard output, and messages to standard error. Tables are plain text without a terminal."""

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
    """Print a line of data."""
    _write(text, sys.stdout)


def print_json(value: object) -> None:
    """Print data as JSON. Characters that standard output cannot encode are written as JSON escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print_data(text if can_encode(text) else json.dumps(value, indent=2))


def info(text: str) -> None:
    """Print a message."""
    _write(visible(text), sys.stderr)


def error(text: str) -> None:
    """Print an error message."""
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    title = typer.style("Error: ", fg=typer.colors.RED, bold=True) if on_terminal else "Error: "
    _write(title + visible(text), sys.stderr)


def _write(text: str, stream: TextIO | None) -> None:
    """Write a line and flush. ``typer.echo`` is not used, because it replaces a stream that is not UTF-8."""
    if stream is not None:
        stream.write(text + "\n")
        stream.flush()


def visible(text: str) -> str:
    """Escape the control characters of a text (from a file name, for example), since a terminal would obey them."""
    return "".join(char if _is_harmless(char) else char.encode("unicode_escape").decode() for char in text)


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char in "\n\t"


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), header: bool = True
) -> None:
    """Print a table of data: styled on a terminal, else aligned columns that a script can split.

    Args:
        columns: the headings.
        rows: one text for each heading.
        right: headings of the right-aligned columns.
        header: print the headings in the plain form, too.
    """
    rows = [[visible(text) for text in row] for row in rows]
    if sys.stdout is not None and sys.stdout.isatty():
        _rich_table(columns, rows, right)
        return
    lines = [list(columns), *rows] if header else list(rows)
    widths = [max((len(line[index]) for line in lines), default=0) for index in range(len(columns))]
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
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if column in right else "left", no_wrap=not index)
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    Console().print(table)


def generate_hint(what: str, config: Config) -> str:
    """The command that shows what a trained model makes."""
    from ganzoo.sample_sheet import preview_options

    return command("generate", what, options=preview_options(config.sample_spec))
