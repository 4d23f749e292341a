"""What a training tells: JSON lines and TensorBoard for later, a progress bar for now."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TextIO

import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ganzoo.environment import files
from ganzoo.runs import LOG, Run

TENSORBOARD = "tensorboard"


class Log:
    """Writes the metrics of a run to ``log.jsonl`` and, where TensorBoard is installed, to its event files.

    Args:
        run: where to write.
        first_step: lines of steps behind it, which a killed run left, are removed.
    """

    def __init__(self, run: Run, *, first_step: int = 0) -> None:
        self._run = run
        self._file = self._opened(first_step)
        self._events: Any = None
        if importlib.util.find_spec("tensorboard"):
            self._events = tf.summary.create_file_writer(str(run.folder / TENSORBOARD))

    def _opened(self, last_step: int) -> TextIO:
        """The file, without the lines of later steps, ready for the next line."""
        path = self._run.folder / LOG
        kept = [record for record in self._run.log() if record["step"] <= last_step]
        files.write_file(path, "".join(json.dumps(record) + "\n" for record in kept).encode())
        return path.open("a", encoding="utf-8")

    def go_back(self, step: int) -> None:
        """Remove the lines of later steps, which the training will make again."""
        self._file.close()
        self._file = self._opened(step)

    def write(self, step: int, values: Mapping[str, float], *, notes: Mapping[str, Any] | None = None) -> None:
        """One line of metrics, with notes that are no numbers or are no curve."""
        line = {"step": step, **{key: round(value, 6) for key, value in values.items()}, **(notes or {})}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if self._events:
            with _as_os_error(), self._events.as_default(step=step):
                for key, value in values.items():
                    tf.summary.scalar(key, value)

    def write_image(self, step: int, image: Any) -> None:
        """A sample grid, uint8 ``[h, w, c]``, for TensorBoard."""
        if self._events:
            with _as_os_error(), self._events.as_default(step=step):
                tf.summary.image("samples", image[None])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write out what is still held back.

        Raises:
            OSError: if that fails, for example because the disk is full.
        """
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
        if self._events:
            with _as_os_error():
                self._events.close()


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """TensorFlow has errors of its own for a file that cannot be written."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"TensorBoard events: {error.message}") from error


class ProgressBar:
    """Steps, speed and losses on standard error; on a terminal a bar, elsewhere nothing, so that logs stay short."""

    def __init__(self, name: str, *, first_step: int, last_step: int, quiet: bool) -> None:
        console = Console(stderr=True)
        self.console = console
        self._progress: Progress | None = None
        if console.is_terminal and not quiet:
            columns = (
                TextColumn("[bold]{task.description}"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[status]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=console)
            self._task = self._progress.add_task(name, total=last_step, completed=first_step, status="compiling")

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def update(self, step: int, *, images_per_second: float, metrics: Mapping[str, float]) -> None:
        """Move the bar to ``step``."""
        if self._progress:
            status = f"D {metrics['d_loss']:.2f}  G {metrics['g_loss']:.2f}  {images_per_second:.0f} img/s"
            self._progress.update(self._task, completed=step, status=status)
