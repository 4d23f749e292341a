"""The log of a training: JSON lines, and events for TensorBoard. What a resumed run repeats is removed first."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from ganzoo.environment import files
from ganzoo.runs import LOG, Run, make_newest, named_step
from ganzoo.training.tensorboard_events import TensorBoardEvents


class Log:
    """Writes the metrics of a run to ``log.jsonl``, and to event files if TensorBoard is installed.

    Args:
        run: the run.
        first_step: lines, events and sample grids of later steps (left by a killed training) are removed.

    Raises:
        OSError: here and in every method, if a file cannot be written, or was removed or replaced during training.
    """

    def __init__(self, run: Run, *, first_step: int = 0) -> None:
        self._path = run.folder / LOG
        self._run = run
        make_newest(run)
        self._file = self._opened(first_step)
        self._remove_samples(first_step)
        self._events = TensorBoardEvents(run.folder, last_step=first_step)

    def _opened(self, last_step: int) -> TextIO:
        """Remove the lines of later steps, and open the file to append lines."""
        kept = [record for record in self._run.log() if record["step"] <= last_step]
        files.write_file(self._path, "".join(json.dumps(record) + "\n" for record in kept).encode())
        return self._path.open("a", encoding="utf-8")

    def _remove_samples(self, last_step: int) -> None:
        """Remove the sample grids of later steps: the weights that made them are gone."""
        for path in self._run.sample_files():
            if (named_step(path.stem) or 0) > last_step:
                path.unlink()

    def go_back(self, step: int) -> None:
        """Remove the lines, events and sample grids of later steps, which the training will repeat."""
        self._file.close()
        self._file = self._opened(step)
        self._remove_samples(step)
        self._events.go_back(step)

    def write(self, step: int, values: Mapping[str, float], *, notes: Mapping[str, Any] | None = None) -> None:
        """Write one line of metrics. The notes go into the line, but not to TensorBoard."""
        self._check_file()
        line = {"step": step, **{key: round(value, 6) for key, value in values.items()}, **(notes or {})}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._events.write(step, values)

    def write_image(self, step: int, image: Any) -> None:
        """Write a sample grid, uint8 ``[h, w, c]``, for TensorBoard."""
        self._events.write_image(step, image)

    def _check_file(self) -> None:
        """Check that the file still exists. Lines that are written to a removed file would be lost silently."""
        try:
            is_same = self._path.stat().st_ino == os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise OSError(errno.ENOENT, f"{LOG} was removed or replaced during the training", str(self._path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write all buffered data and close the files."""
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
        self._events.close()
