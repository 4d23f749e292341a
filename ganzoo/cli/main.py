"""Defines the command ``ganzoo`` from its verbs."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import (
    benchmark,
    cache,
    compare,
    data,
    directions,
    doctor,
    evaluate,
    export,
    generate,
    interpolate,
    mix,
    parts,
    project,
    publish,
    pull,
    report,
    runs,
    schema,
    show,
    streams,
    train,
)
from ganzoo.cli import list as list_verb
from ganzoo.cli.failures import Commands
from ganzoo.cli.verbs import Verb, WorkingVerb

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A zoo of generative adversarial networks (GANs): train, export to ONNX, generate without TensorFlow.",
)
app.command("list", cls=Verb)(list_verb.list_command)
app.command("show", cls=Verb)(show.show)
app.command("train", cls=WorkingVerb)(train.train)
app.command("runs", cls=Verb)(runs.runs)
app.command("report", cls=WorkingVerb)(report.report)
app.command("export", cls=WorkingVerb)(export.export)
app.command("generate", cls=WorkingVerb)(generate.generate)
app.command("interpolate", cls=WorkingVerb)(interpolate.interpolate)
app.command("mix", cls=WorkingVerb)(mix.mix)
app.command("directions", cls=WorkingVerb)(directions.directions)
app.command("project", cls=WorkingVerb)(project.project)
app.command("evaluate", cls=WorkingVerb)(evaluate.evaluate)
app.command("compare", cls=WorkingVerb)(compare.compare)
app.command("benchmark", cls=Verb)(benchmark.benchmark)
app.command("publish", cls=WorkingVerb)(publish.publish)
app.command("pull", cls=WorkingVerb)(pull.pull)
app.add_typer(cache.app, name="cache")
app.add_typer(data.app, name="data")
app.command("parts", cls=Verb)(parts.parts)
app.command("schema", cls=Verb)(schema.schema)
app.command("doctor", cls=Verb)(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from ganzoo.version import __version__

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
    """Run the console script ``ganzoo``."""
    streams.prepare()
    app(prog_name="ganzoo")


if __name__ == "__main__":
    main()
