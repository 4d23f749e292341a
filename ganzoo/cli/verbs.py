"""What all verbs have in common: how paths are read, and what counts as success."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from ganzoo.cli import streams
from ganzoo.environment.places import expanded


class Verb(TyperCommand):
    """A verb whose product is what it prints. ``~`` in a path is replaced, also where a shell leaves it."""

    def invoke(self, ctx: Any) -> Any:
        for name, value in ctx.params.items():
            if isinstance(value, Path):
                ctx.params[name] = expanded(value)
        return super().invoke(ctx)


class WorkingVerb(Verb):
    """A verb whose product is a file, a run or a model on the Hub. It succeeds even if nobody reads its lines."""

    def invoke(self, ctx: Any) -> Any:
        result = super().invoke(ctx)
        streams.forget_reader()
        return result
