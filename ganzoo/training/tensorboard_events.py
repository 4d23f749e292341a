"""Writes the TensorBoard event files of a run. After a resume or a rollback, no curve runs backwards.

Two measures are needed. The events of later steps are removed from the files, for programs that read them later. The
new file starts with a START of a session, so that a running TensorBoard discards those steps.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.environment import files

TENSORBOARD = "tensorboard"
"""Name of the folder in the run's folder."""
_PREFIX = "events.out.tfevents."
"""Start of an event file's name. Its creation time in seconds follows."""


class TensorBoardEvents:
    """Writes scalars and images if TensorBoard is installed; else it does nothing.

    Steps and values are passed as NumPy numbers. TensorFlow keeps the tensor of every Python number forever, 760 bytes
    each.

    Args:
        run_folder: the folder of the run.
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
        """Remove the events of later steps, which the training will repeat."""
        if self._writer:
            self.close()
            self._open(step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write the scalars of one step."""
        if self._writer:
            with _as_os_error(), self._writer.as_default(step=np.int64(step)):
                for key, value in values.items():
                    tf.summary.scalar(key, np.float32(value))

    def write_image(self, step: int, image: Any) -> None:
        """Write an image, uint8 ``[h, w, c]``."""
        if self._writer:
            with _as_os_error(), self._writer.as_default(step=np.int64(step)):
                tf.summary.image("samples", image[None])

    def close(self) -> None:
        """Write all buffered events and close the file."""
        if self._writer:
            with _as_os_error():
                self._writer.close()

    def _open(self, last_step: int) -> None:
        with _as_os_error():
            _trim(self._folder, last_step)
            _make_names_earlier(self._folder)
            _wait_for_a_later_name(self._folder)
            self._writer = tf.summary.create_file_writer(os.fsencode(self._folder))
            start = tf.compat.v1.Event(
                step=last_step + 1,
                wall_time=time.time(),
                session_log=tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START),
            )
            # tf.summary writes only summaries; this operation writes any event.
            tf.raw_ops.ImportEvent(writer=self._writer._resource, event=start.SerializeToString())


def _make_names_earlier(folder: Path) -> None:
    """Rename the files if the clock was set back: readers sort them by name, and the next one must be the last."""
    paths = sorted(folder.glob(f"{_PREFIX}*"))
    now = int(time.time())
    if not paths or _time_in(paths[-1]) <= now:
        return
    for place, path in enumerate(paths):
        rest = path.name.removeprefix(_PREFIX).partition(".")[2]
        files.change_name(path, f"{_PREFIX}{now - len(paths) + place:010}.{rest}")


def _time_in(path: Path) -> int:
    """The creation time in the name of an event file; 0 if it has none."""
    text = path.name.removeprefix(_PREFIX).partition(".")[0]
    return int(text) if text.isdecimal() else 0


def _wait_for_a_later_name(folder: Path) -> None:
    """Wait for the next second if a file of this second exists, since readers sort the files by name."""
    if any(folder.glob(f"{_PREFIX}{int(time.time()):010}.*")):
        time.sleep(1.0 - time.time() % 1.0)


def _trim(folder: Path, last_step: int) -> None:
    """Remove the events of later steps from all event files of a folder."""
    for path in folder.glob(f"{_PREFIX}*"):
        if any(tf.compat.v1.Event.FromString(record).step > last_step for record in _records(path)):
            with files.replacing_path(path) as temporary, tf.io.TFRecordWriter(os.fsencode(temporary)) as writer:
                for record in _records(path):
                    if tf.compat.v1.Event.FromString(record).step <= last_step:
                        writer.write(record)


def _records(path: Path) -> Iterator[bytes]:
    """Yield the complete records of a file. A killed process may leave an incomplete last record."""
    with contextlib.suppress(tf.errors.DataLossError):
        for record in tf.data.TFRecordDataset(os.fsencode(path)):
            yield record.numpy()


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """Convert TensorFlow's error for a file that cannot be written to OSError."""
    try:
        yield
    except tf.errors.OpError as error:
        code, why = _reason(error.message)
        raise OSError(code, f"TensorBoard events: {why}") from error


def _reason(message: str) -> tuple[int, str]:
    """Return the error number and the reason in an error of TensorFlow: ``{{node ...}} PATH; REASON\\n\\tmore``.

    The number is EIO if the reason is none of the system's.
    """
    first = re.sub(r"\{\{.*?\}\}| *\[Op:.*", "", message.partition("\n")[0]).strip()
    for code in errno.errorcode:
        if first.endswith(os.strerror(code)):
            return code, os.strerror(code)
    return errno.EIO, first[:200]
