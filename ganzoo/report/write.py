"""Writes the reports of finished and older runs: ``ganzoo report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganzoo.environment import files
from ganzoo.errors import GanzooError
from ganzoo.report.history import History
from ganzoo.report.page import REPORT, comparison_page, run_page
from ganzoo.report.pictures import Pictures
from ganzoo.runs import Run
from ganzoo.web.document import check_replaceable

_MARK = b'<meta name="ganzoo-state"'


def report_text(runs: Sequence[Run]) -> str:
    """The report of one run, or one page with the curves of several runs."""
    histories = [History(run) for run in runs]
    return run_page(histories[0], Pictures(runs[0])) if len(runs) == 1 else comparison_page(histories)


def write_report(runs: Sequence[Run], path: Path | None = None) -> Path:
    """Write a report, and return its path.

    Args:
        runs: one or more runs.
        path: the file; by default ``report.html`` in the folder of the run; for several runs, in the current folder.

    Raises:
        GanzooError: if the file cannot be written, or the default file exists and is not a report.
    """
    text = report_text(runs)
    if path is None:
        path = runs[0].folder / REPORT if len(runs) == 1 else Path(REPORT)
        check_replaceable(path, mark=_MARK, kind="report")
    try:
        files.write_file(path, text.encode())
    except OSError as error:
        raise GanzooError(files.cannot_write(path, error)) from error
    return path
