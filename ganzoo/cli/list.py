"""``ganzoo list``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ganzoo.cli import complete
from ganzoo.cli.output import info, print_json, print_table
from ganzoo.environment.quantities import bytes_text


def list_command(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN", help="A part of a name, or a pattern such as '*celeba*'.", autocompletion=complete.models
        ),
    ] = "*",
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="List the models with trained weights, and where they are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models of the zoo. Exits with 1 if no model matches the pattern."""
    if pretrained:
        _list_pretrained(pattern, as_json=as_json)
        return
    from ganzoo.config.zoo import describe, list_models

    names = list_models(pattern) or list_models(f"*{pattern}*")
    described = [(name, *describe(name), "", "")[:3] for name in names]
    if as_json:
        print_json([{"name": name, "description": text, "recipe": recipe} for name, text, recipe in described])
    elif names:
        print_table(("model", "description"), [(name, text) for name, text, _ in described], header=False)
    _check_matches(names, f"No model matches '{pattern}'. See all: ganzoo list")


def _check_matches(models: Sequence[object], message: str) -> None:
    """Exit with 1 and a message if there are no models, as grep does."""
    if not models:
        info(message)
        raise typer.Exit(1)


def _list_pretrained(pattern: str, *, as_json: bool) -> None:
    from fnmatch import fnmatchcase

    from ganzoo.hub.pretrained import place, pretrained_models

    models = [m for m in pretrained_models().values() if fnmatchcase(m.name, pattern) or pattern in m.name]
    rows = [
        {"name": m.name, "repo": m.repo, "revision": m.revision, "bytes": m.size, "place": place(m)} for m in models
    ]
    if as_json:
        print_json(rows)
    elif rows:
        texts = [
            (
                str(r["name"]),
                bytes_text(m.size),
                str(r["place"]),
                f"{m.repo}@{m.revision[:8]}" if m.revision else f"{m.repo}, not published yet",
            )
            for r, m in zip(rows, models, strict=True)
        ]
        print_table(("model", "size", "where", "on the Hub"), texts, right=("size",))
    _check_matches(models, f"No pretrained model matches '{pattern}'. See all: ganzoo list --pretrained")
