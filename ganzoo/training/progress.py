"""Shows the progress of a training: a bar on a terminal, else plain lines."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ganzoo.config.experiment import Config
from ganzoo.environment.progress import PlainProgress
from ganzoo.environment.quantities import clock_text
from ganzoo.training.remaining_time import RemainingTime

FREE_LINES = 3
"""The first reports are always printed, so that the user soon sees whether the losses are reasonable."""


class TrainingProgress:
    """Shows steps, losses, speed and remaining time on standard error.

    Args:
        config: the experiment. Without a terminal, a line is due every ``log_every`` steps and at the last step.
        first_step, last_step: the steps of this training; a resumed training does not start at 0.
        deadline: the time at which this training stops, in seconds of ``time.monotonic``; None without a limit.
        quiet: show nothing.
    """

    def __init__(
        self, config: Config, *, first_step: int, last_step: int, deadline: float | None = None, quiet: bool
    ) -> None:
        self._last_step, self._log_every = last_step, config.training.log_every
        self._remaining = RemainingTime(last_step, deadline=deadline)
        self._bar: Progress | None = None
        self._plain: PlainProgress | None = None
        console = Console(stderr=True)
        if quiet:
            return
        if not console.is_terminal:
            self._plain = PlainProgress(
                f"{config.name}: step",
                last_step,
                first=first_step,
                free_lines=FREE_LINES,
                remaining=lambda: self._remaining.seconds,
            )
            return
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TextColumn("left {task.fields[left]}"),
        )
        self._bar = Progress(*columns, console=console)
        self._task = self._bar.add_task(
            config.name, total=last_step, completed=first_step, status="compiling", left="?"
        )

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, step: int, *, images_per_second: float, metrics: Mapping[str, float]) -> None:
        """Show the progress at ``step``.

        Args:
            step: the current step.
            images_per_second: speed since the last report.
            metrics: means since the last report, with ``d_loss`` and ``g_loss``.
        """
        self._remaining.report(step)
        if self._bar:
            seconds = self._remaining.seconds
            left = "?" if seconds is None else clock_text(seconds)
            status = f"D {metrics['d_loss']:.2f}  G {metrics['g_loss']:.2f}  {images_per_second:.0f} img/s"
            self._bar.update(self._task, completed=step, status=status, left=left)
        elif self._plain and (step % self._log_every == 0 or step == self._last_step):
            details = f"D loss {metrics['d_loss']:.3f}, G loss {metrics['g_loss']:.3f}, {images_per_second:.0f} img/s"
            self._plain.report(step, details=details, always=step == self._last_step)
