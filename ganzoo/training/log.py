"""What a training writes while it runs: JSON lines, and events for TensorBoard."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from ganzoo.environment import files
from ganzoo.runs import LOG, Run
from ganzoo.training.tensorboard_events import TensorBoardEvents


class Log:
    """Writes the metrics of a run to ``log.jsonl`` and, where TensorBoard is installed, to its event files.

    Args:
        run: where to write.
        first_step: lines and events of later steps, which a killed run left, are removed.

    Raises:
        OSError: here and in every method, if a file cannot be written, or somebody removed or replaced it meanwhile.
    """

    def __init__(self, run: Run, *, first_step: int = 0) -> None:
        self._path = run.folder / LOG
        self._run = run
        self._file = self._opened(first_step)
        self._events = TensorBoardEvents(run.folder, last_step=first_step)

    def _opened(self, last_step: int) -> TextIO:
        """The file, without the lines of later steps, ready for the next line."""
        kept = [record for record in self._run.log() if record["step"] <= last_step]
        files.write_file(self._path, "".join(json.dumps(record) + "\n" for record in kept).encode())
        return self._path.open("a", encoding="utf-8")

    def go_back(self, step: int) -> None:
        """Remove the lines and events of later steps, which the training will make again."""
        self._file.close()
        self._file = self._opened(step)
        self._events.go_back(step)

    def write(self, step: int, values: Mapping[str, float], *, notes: Mapping[str, Any] | None = None) -> None:
        """One line of metrics, with notes that are no numbers or are no curve."""
        self._check_place()
        line = {"step": step, **{key: round(value, 6) for key, value in values.items()}, **(notes or {})}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._events.write(step, values)

    def write_image(self, step: int, image: Any) -> None:
        """A sample grid, uint8 ``[h, w, c]``, for TensorBoard."""
        self._events.write_image(step, image)

    def _check_place(self) -> None:
        """Lines that are written into a removed file are lost, and nobody would notice."""
        try:
            same = self._path.stat().st_ino == os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            same = False
        if not same:
            raise OSError(errno.ENOENT, f"{LOG} was removed or replaced while the training ran", str(self._path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write out what is still held back."""
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
        self._events.close()
