"""Imports TensorFlow without the dozen lines that its C++ side tells every start."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def import_tensorflow() -> None:
    """Import TensorFlow and let it find its devices, with standard error turned off meanwhile.

    The variable TF_CPP_MIN_LOG_LEVEL turns this off: who sets it wants to choose what is told. It alone would not do,
    because some lines are written before TensorFlow reads it.

    Raises:
        ImportError: if TensorFlow is not installed or does not start.
    """
    import ganzoo.training  # noqa: F401 - sets what TensorFlow reads once, while it is imported

    if "tensorflow" in sys.modules or LEVEL in os.environ:
        return
    os.environ[LEVEL] = "3"
    logging.getLogger("absl").setLevel(logging.ERROR)
    with _no_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Point the file descriptor of standard error to nowhere: C++ does not go through ``sys.stderr``."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (AttributeError, OSError, ValueError):
        yield  # there is no standard error to turn off; Python has None for it then
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
