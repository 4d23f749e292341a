"""``ganzoo export``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import typer

from ganzoo.cli import complete
from ganzoo.cli.options import RunsFolder
from ganzoo.cli.output import generate_hint, info, print_data
from ganzoo.environment.commands import path_word
from ganzoo.errors import did_you_mean


def export(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="A run: model/number, a model (its newest run) or a folder (default: the newest run).",
            autocompletion=complete.trained,
        ),
    ] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write a bundle with an ONNX file (default).")] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="Write a bundle with a float16 ONNX file, too.")] = False,
    critic: Annotated[
        bool,
        typer.Option(
            "--critic",
            help="Write a bundle with the discriminator, too, for ganzoo generate --best-of. Makes it larger.",
        ),
    ] = False,
    savedmodel: Annotated[bool, typer.Option("--savedmodel", help="Write a TensorFlow SavedModel.")] = False,
    tflite: Annotated[bool, typer.Option("--tflite", help="Write a TensorFlow Lite file.")] = False,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Write a format by its name, for example of a plug-in (ganzoo parts exporters), with options: "
            "'{name: tflite, tolerance: 0.001}'. Repeatable.",
            autocompletion=complete.formats,
        ),
    ] = None,
    html: Annotated[
        bool,
        typer.Option(
            "--html",
            help="Write a web page with the model: one file that works offline. Without other formats, RUN may be any "
            "model that ganzoo generate takes, and -o is the page's file.",
        ),
    ] = False,
    triton: Annotated[
        bool,
        typer.Option(
            "--triton",
            help="Write a model of NVIDIA Triton Inference Server from any model that ganzoo generate takes. -o is the "
            "model's folder (default: models/NAME). Use it without other formats.",
        ),
    ] = False,
    blend: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Average the run's weights with those of training.init_from: 0.35 is 35% of the run's weights.",
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", help="Folder of the bundle (default: in the run's folder).")
    ] = None,
    license: Annotated[
        str | None, typer.Option(help="License of the weights for the model card, for example cc-by-4.0.")
    ] = None,
    checkpoint: Annotated[
        str, typer.Option(metavar="WHICH", help="best (measured during training), newest, or the step of a checkpoint.")
    ] = "best",
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="SENTENCE", help="A limitation of the samples, for the model card. Repeatable."),
    ] = None,
    runs: RunsFolder = None,
) -> None:
    """Export the averaged generator of a run, and compare each exported file with the original.

    Prints the written paths, one per line.
    """
    from ganzoo.cli.html_page import check_page_of, export_page, write_page_next_to

    which = _which(checkpoint)
    flags = {"onnx": onnx, "fp16": fp16, "critic": critic, "savedmodel": savedmodel, "tflite": tflite}
    asked = [*(name for name, wanted in flags.items() if wanted), *map(_format, formats or [])]
    from_bundle = which == "best" and not (asked or license or limit or blend is not None)
    if triton:
        if html or not from_bundle:
            raise typer.BadParameter(
                "--triton is used without other formats and options of a bundle; export that first."
            )
        from ganzoo.cli.triton_model import export_triton

        export_triton(run, output, runs=runs)
        return
    if html and from_bundle:
        export_page(run, output, runs=runs)
        return
    from ganzoo import api
    from ganzoo.cli.destination import STDOUT
    from ganzoo.environment.places import expanded
    from ganzoo.exporters.formats import Formats
    from ganzoo.resolve import find_training

    if output == STDOUT:
        raise typer.BadParameter("-o - is for --html alone; other formats are files and folders: -o PATH")
    output = None if output is None else str(expanded(output))
    found = find_training(run, root=runs)
    if html:
        check_page_of(found, output)
    asked += ["onnx"] if html or not asked else []
    wanted = Formats.of(asked)
    folder = api.export(
        found,
        output,
        checkpoint=which,
        formats=asked,
        blend=blend,
        license=license,
        limits=limit or (),
        info=info,
    )
    for path in wanted.paths(found, output, share=blend).values():
        print_data(str(path))
    if html:
        write_page_next_to(folder)
    if wanted.bundle:
        info(f"Generate from it: {generate_hint(path_word(folder), found.config)}")


def _format(text: str) -> Any:
    """A format of ``ganzoo.export``: a name, or a mapping in YAML."""
    from ganzoo.config import yaml_files

    return yaml_files.parse(text, what="--format") if text.startswith("{") else text


def _which(text: str) -> Literal["best", "newest"] | int:
    if text in ("best", "newest"):
        return cast('Literal["best", "newest"]', text)
    if text.isascii() and text.isdecimal() and len(text) < 16:
        return int(text)
    near = did_you_mean(text, ("best", "newest"))
    raise typer.BadParameter(f"received --checkpoint '{text}'; allowed are best, newest or a step.{near}")
