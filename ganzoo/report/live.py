"""Writes the report of a running training. A failed write never stops the training: it is a warning, once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from ganzoo.environment import files
from ganzoo.environment.commands import path_word
from ganzoo.errors import GanzooError, TrainingError, reason
from ganzoo.report import ending
from ganzoo.report.ending import Ending
from ganzoo.report.history import History
from ganzoo.report.page import REPORT, run_page
from ganzoo.report.pictures import Pictures
from ganzoo.runs import Run

Info = Callable[[str], None]

SHARE = 50
"""A report is written again only after this multiple of the time that writing the last one took."""
LEAST_SECONDS = 5.0
"""Least time between two reports."""
ENDINGS: dict[str, ending.State] = {"finished": "finished", "interrupted": "interrupted"}
"""Reason of an ``Outcome`` -> state of the run, if it is not ``stopped``."""
REASONS = {
    "steps": "Stopped at step {step}, as asked (max_steps).",
    "minutes": "Stopped at step {step}: the time limit is reached (max_minutes).",
    "interrupted": "Interrupted and saved at step {step}.",
    "callback": "Stopped at step {step} by a callback.",
}


class LiveReport:
    """The report of a training, as a context: it is written at the start, by ``update``, and at the end.

    Args:
        run: the run with an existing folder.
        info: called once with a message if the report cannot be written.
        clock: returns seconds; tests replace it.
    """

    def __init__(self, run: Run, *, info: Info, clock: Callable[[], float] = time.monotonic) -> None:
        self._run, self._info, self._clock = run, info, clock
        self._pictures = Pictures(run)
        self._written_at: float | None = None
        self._cost = self._every = 0.0
        self._has_warned = False
        self._ending: Ending | None = None

    def update(self, step: int) -> None:
        """Write the report, if the last one is old enough.

        Args:
            step: the step of the training.
        """
        now = self._clock()
        if self._written_at is not None:
            age = now - self._written_at
            if age < max(LEAST_SECONDS, SHARE * self._cost):
                return
            self._every = age
        self._write(Ending("training", step))

    def end(self, outcome: str, step: int, *, error: BaseException | None = None) -> None:
        """Set why the training ended: a reason of ``Outcome``, and the error of a callback. The context writes it."""
        state, text = ENDINGS.get(outcome, "stopped"), REASONS.get(outcome, "").format(step=f"{step:,}")
        if error is not None:
            state, text = "interrupted", f"Stopped at step {step:,} by an error in a callback: {reason(error)}."
        self._ending = Ending(state, step, text)

    def __enter__(self) -> Self:
        ending.forget(self._run)
        self._write(Ending("training"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            state: ending.State = "collapsed" if isinstance(error, TrainingError) else "interrupted"
            step = self._run.step
            text = reason(error) if isinstance(error, GanzooError) else f"Stopped by an error: {reason(error)}."
            self._ending = Ending(state, step, text)
        if self._ending is not None:
            self._write(self._ending)
            with contextlib.suppress(OSError):
                self._ending.write(self._run)

    def _write(self, state: Ending) -> None:
        """Write the report. Any failure, also a mistake in the report itself, is only a message."""
        begun = self._clock()
        try:
            text = run_page(History(self._run, ending=state), self._pictures, every=self._every)
            files.write_file(self._run.folder / REPORT, text.encode())
        except Exception as error:
            if not self._has_warned:
                why = files.cannot_write(self._run.folder / REPORT, error) if isinstance(error, OSError) else None
                self._info(f"{why or f'No report: {reason(error)}.'} The training goes on without its report.")
            self._has_warned = True
        self._written_at = self._clock()
        self._cost = self._written_at - begun


@contextlib.contextmanager
def report_announced(run: Run, info: Info) -> Iterator[None]:
    """Report the path of a run's report before and after the block, which trains the run."""
    path = run.folder / REPORT
    info(f"Report, updated during the training: {path_word(path)}")
    try:
        yield
    finally:
        if path.is_file():
            info(f"Report: {path_word(path)}")
