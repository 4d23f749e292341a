"""``ganzoo list``."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import complete
from ganzoo.cli.output import emit_json, emit_table, say


def list_command(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN", help="Part of a name, or a pattern such as '*celeba*'.", autocompletion=complete.models
        ),
    ] = "*",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models of the zoo."""
    from ganzoo.zoo import describe, list_models

    names = list_models(pattern) or list_models(f"*{pattern}*")
    described = [(name, *describe(name), "", "")[:3] for name in names]
    if as_json:
        emit_json([{"name": name, "description": what, "recipe": recipe} for name, what, recipe in described])
        return
    if not names:
        say(f"No model of the zoo matches '{pattern}'. See all: ganzoo list")
        return
    emit_table(("model", "what it is"), [(name, what) for name, what, _ in described], header=False)
