"""Options that several verbs share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import complete

RunsFolder = Annotated[
    Path | None,
    typer.Option(
        "--runs", metavar="DIR", help="Folder of all runs; by default $GANZOO_RUNS, else runs/ in the current folder."
    ),
]


class Device(StrEnum):
    """Devices of ONNX Runtime."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT",
        help="A bundle folder, a run (model/number), a pretrained model, or user/name on the Hugging Face Hub. "
        "./NAME, run:NAME, zoo:NAME and hf://user/name are unambiguous.",
        autocompletion=complete.trained,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        help="Class: its name or its index from 0 (name:1 or index:1 if both fit). Default: chosen by each seed."
    ),
]
Truncation = Annotated[float | None, typer.Option(help="From 0 (the mean) to 1 (off): less variety, fewer failures.")]
BestOf = Annotated[
    int,
    typer.Option(
        min=1,
        max=64,
        metavar="N",
        help="Make N samples per seed, and keep the one that the critic prefers: fewer failures, less variety. "
        "Needs a bundle with a critic (ganzoo export --critic).",
    ),
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of a model on the Hub.")]
OnDevice = Annotated[Device, typer.Option(help="Device of ONNX Runtime.")]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads of one run (default: one per core).")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Hide the progress.")]
DirectionStrengths = Annotated[
    list[str] | None,
    typer.Option(
        "--direction",
        metavar="NAME=STRENGTH",
        help="Move along a direction of ganzoo directions: a name of the model, as in hair=-2, or a number, as in "
        "1=2.5 (sefa) or pca:1=2.5. Repeatable.",
    ),
]
