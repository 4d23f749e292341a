"""TensorBoard's event files of a run. After a resume or a rollback no curve runs backwards.

Two things are done, because readers differ. The events of later steps are removed from the files, which every reader
sees. And the new file begins with a START of a session, on which a TensorBoard that already runs forgets those steps.
"""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from ganzoo.environment import files

TENSORBOARD = "tensorboard"
"""Folder in the run's folder."""
_PREFIX = "events.out.tfevents."
"""Of an event file's name; the time of its start in seconds follows."""


class TensorBoardEvents:
    """Writes scalars and images where TensorBoard is installed, and does nothing elsewhere.

    Args:
        run_folder: of the run.
        last_step: events of later steps are removed.

    Raises:
        OSError: here and in every method, if a file cannot be written.
    """

    def __init__(self, run_folder: Path, *, last_step: int) -> None:
        self._folder = run_folder / TENSORBOARD
        self._writer: Any = None
        if importlib.util.find_spec("tensorboard"):
            self._open(last_step)

    def go_back(self, step: int) -> None:
        """Remove the events of later steps, which the training will make again."""
        if self._writer:
            self.close()
            self._open(step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Scalars of one step."""
        if self._writer:
            with _as_os_error(), self._writer.as_default(step=step):
                for key, value in values.items():
                    tf.summary.scalar(key, value)

    def write_image(self, step: int, image: Any) -> None:
        """A picture, uint8 ``[h, w, c]``."""
        if self._writer:
            with _as_os_error(), self._writer.as_default(step=step):
                tf.summary.image("samples", image[None])

    def close(self) -> None:
        """Write out what is still held back."""
        if self._writer:
            with _as_os_error():
                self._writer.close()

    def _open(self, last_step: int) -> None:
        with _as_os_error():
            _trim(self._folder, last_step)
            _wait_for_a_later_name(self._folder)
            self._writer = tf.summary.create_file_writer(str(self._folder))
            start = tf.compat.v1.Event(
                step=last_step + 1,
                wall_time=time.time(),
                session_log=tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START),
            )
            # tf.summary writes summaries only; the operation below takes any event.
            tf.raw_ops.ImportEvent(writer=self._writer._resource, event=start.SerializeToString())


def _wait_for_a_later_name(folder: Path) -> None:
    """Wait for the next second, if a file of this one is there: readers take files in the order of their names."""
    now = int(time.time())
    if any(folder.glob(f"{_PREFIX}{now}.*")):
        time.sleep(max(0.0, now + 1 - time.time()))


def _trim(folder: Path, last_step: int) -> None:
    """Remove later events from all event files of a folder."""
    for path in folder.glob(f"{_PREFIX}*"):
        if any(tf.compat.v1.Event.FromString(record).step > last_step for record in _records(path)):
            with files.replacing_path(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
                for record in _records(path):
                    if tf.compat.v1.Event.FromString(record).step <= last_step:
                        writer.write(record)


def _records(path: Path) -> Iterator[bytes]:
    """The whole records of a file, up to the one that a killed process cut off."""
    with contextlib.suppress(tf.errors.DataLossError):
        for record in tf.data.TFRecordDataset(str(path)):
            yield record.numpy()


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """TensorFlow has errors of its own for a file that cannot be written."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(f"TensorBoard events: {error.message}") from error
