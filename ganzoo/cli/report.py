"""``ganzoo report``."""

from __future__ import annotations

from typing import Annotated

import typer

from ganzoo.cli import complete
from ganzoo.cli.options import RunsFolder
from ganzoo.cli.output import info, print_data


def report(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Runs: model/number, a model (its newest run) or a folder (default: the newest run).",
            autocompletion=complete.local_runs,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="File or folder; - for standard output."),
    ] = None,
    runs: RunsFolder = None,
) -> None:
    """Write the report of a run, one HTML file: samples, curves, metrics, warnings. The path is printed.

    With several runs, one page has their curves in the same axes.
    """
    from ganzoo.cli.destination import HTML_SUFFIXES, Output
    from ganzoo.environment.quantities import bytes_text
    from ganzoo.report.page import REPORT
    from ganzoo.report.write import report_text, write_report
    from ganzoo.runs import find_run

    target = None if output is None else Output.parse(output)
    if target is not None and target.is_folder:
        target = target.file(REPORT)
    if target is not None and not target.is_stdout:
        target.check_suffix(HTML_SUFFIXES)
    found = [find_run(name, root=runs) for name in names] if names else [find_run(root=runs)]
    chosen = list({run.folder.absolute(): run for run in found}.values())
    if target is not None and target.is_stdout:
        with target.opened() as file:
            file.write(report_text(chosen).encode())
        return
    path = write_report(chosen, None if target is None else target.path)
    print_data(str(path))
    info(f"One file of {bytes_text(path.stat().st_size)}, which works offline: open it in a browser.")
