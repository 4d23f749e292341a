"""``ganzoo cache`` and ``ganzoo cache remove``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ganzoo.cli.output import info, print_data, print_json, print_table
from ganzoo.cli.verbs import WorkingVerb
from ganzoo.environment.quantities import bytes_text

app = typer.Typer(
    invoke_without_command=True, help="List the files that ganzoo keeps on this machine, and remove them."
)


@app.callback()
def show(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models from the Hub, downloads and prepared data on this machine, with sizes and folders."""
    if ctx.invoked_subcommand is not None:
        return
    from ganzoo.hub.cache import cache_entries

    entries = cache_entries()
    if as_json:
        rows: list[dict[str, Any]] = [
            {**entry._asdict(), "revisions": list(entry.revisions), "folder": str(entry.folder)} for entry in entries
        ]
        print_json(rows)
        return
    if not entries:
        info("The cache is empty. Download a model: ganzoo pull user/name")
        return
    rows_ = [
        (e.kind, e.name, bytes_text(e.bytes), ", ".join(r[:8] for r in e.revisions) or "-", str(e.folder))
        for e in entries
    ]
    print_table(("kind", "name", "size", "commits", "folder"), rows_, right=("size",))
    info(f"{bytes_text(sum(e.bytes for e in entries))} in all. Remove one: ganzoo cache remove NAME")


@app.command(cls=WorkingVerb)
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names that ganzoo cache prints.")],
) -> None:
    """Delete models, downloads or prepared data. They are downloaded or prepared again when they are needed."""
    from ganzoo.hub.cache import remove as delete

    for entry in delete(names):
        print_data(entry.name)
        info(f"Removed {entry.name}, {bytes_text(entry.bytes)}.")
