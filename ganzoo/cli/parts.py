"""``ganzoo parts``."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from ganzoo.cli import complete
from ganzoo.cli.output import info, print_json, print_table


def parts(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND", help="A kind of part, for example losses; by default all.", autocompletion=complete.kinds
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the registered parts that a config can use, including those of plug-ins."""
    from ganzoo.parts import all_registries, find_registry

    registries = all_registries() if kind is None else [find_registry(kind)]
    rows = [_row(registry, name) for registry in registries for name in registry.names()]
    if as_json:
        print_json(rows)
    else:
        columns = ("kind", "name", "keys", "description") if kind is None else ("name", "keys", "description")
        print_table(columns, [tuple(_text(row, column) for column in columns) for row in rows])
    for registry in registries:
        for plugin, why in registry.broken.items():
            info(f"Plug-in '{plugin}' could not be imported: {why}")


def _row(registry: Any, name: str) -> dict[str, Any]:
    part = registry.get(name)
    first = inspect.cleandoc(part.__doc__ or "").partition("\n\n")[0]
    return {
        "kind": registry.name,
        "name": name,
        "keys": list(part.model_fields),
        "description": " ".join(first.split()).replace("``", ""),
    }


def _text(row: dict[str, Any], column: str) -> str:
    value = row[column]
    return value if isinstance(value, str) else ", ".join(value)
