"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunsFolder = Annotated[
    Path | None,
    typer.Option(
        "--runs", metavar="DIR", help="Folder of all runs; by default $GANZOO_RUNS, else runs/ in the current folder."
    ),
]
