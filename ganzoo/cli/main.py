"""The program: puts the verbs together."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import (
    cache,
    data,
    doctor,
    evaluate,
    export,
    generate,
    interpolate,
    parts,
    publish,
    pull,
    runs,
    schema,
    show,
    train,
)
from ganzoo.cli import list as list_verb
from ganzoo.cli.failures import Commands

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A zoo of generative adversarial networks: train, export to ONNX, generate without TensorFlow.",
)
app.command("list")(list_verb.list_command)
app.command("show")(show.show)
app.command("train")(train.train)
app.command("runs")(runs.runs)
app.command("export")(export.export)
app.command("generate")(generate.generate)
app.command("interpolate")(interpolate.interpolate)
app.command("evaluate")(evaluate.evaluate)
app.command("publish")(publish.publish)
app.command("pull")(pull.pull)
app.add_typer(cache.app, name="cache")
app.add_typer(data.app, name="data")
app.command("parts")(parts.parts)
app.command("schema")(schema.schema)
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from ganzoo import __version__

        typer.echo(f"ganzoo {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console script ``ganzoo``."""
    app(prog_name="ganzoo")


if __name__ == "__main__":
    main()
