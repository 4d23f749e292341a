"""The base classes of all verbs: they refuse repeated options, expand ``~`` in paths, and handle a closed pipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from ganzoo.cli import streams
from ganzoo.environment.places import expanded


class Verb(TyperCommand):
    """A verb whose result is its output. It expands ``~`` in paths, since a shell does not always do this."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments. An option that takes one value must not be repeated: click would drop the first one."""
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            options: list[Any] = [one for one in order if one.param_type_name == "option"]
            for option in options:
                if not (option.multiple or option.is_flag) and options.count(option) > 1:
                    ctx.fail(f"{max(option.opts, key=len)} is given {options.count(option)} times. Use it once.")
        return super().parse_args(ctx, args)

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
