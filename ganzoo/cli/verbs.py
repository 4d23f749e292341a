"""The base classes of all verbs: they expand ``~`` in paths, and decide the exit code after a closed pipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from ganzoo.cli import streams
from ganzoo.environment.places import expanded


class Verb(TyperCommand):
    """A verb whose result is its output. It expands ``~`` in paths, since a shell does not always do this."""

    def invoke(self, ctx: Any) -> Any:
        for name, value in ctx.params.items():
            if isinstance(value, Path):
                ctx.params[name] = expanded(value)
        return super().invoke(ctx)


class WorkingVerb(Verb):
    """A verb whose result is a file, a run or a model on the Hub. It succeeds even if its output is not read."""

    def invoke(self, ctx: Any) -> Any:
        result = super().invoke(ctx)
        streams.forget_reader()
        return result
