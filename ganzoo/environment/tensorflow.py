"""Imports TensorFlow and Keras: without their C++ startup log, and with what they read only while they are imported."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from ganzoo.environment import devices
from ganzoo.environment.places import has_home
from ganzoo.environment.process_settings import check_process
from ganzoo.errors import MissingDependencyError

LEVEL, BACKEND = "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND"

_log = logging.getLogger("ganzoo")


def set_variables() -> None:
    """Set the environment variables that TensorFlow and Keras read only while they are imported. The user's stay."""
    # TensorFlow leaves oneDNN off on processors without AVX-512, where it nearly doubled the speed of convolutions.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if not has_home():  # Keras would make a folder called "~" here; below this path nothing can be made
        os.environ.setdefault("KERAS_HOME", f"{os.devnull}/keras")


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, and let TensorFlow find its devices, with standard error turned off meanwhile.

    The variable TF_CPP_MIN_LOG_LEVEL leaves standard error on: a user who sets it wants to choose what is logged. It
    alone is not enough, because some lines are written before TensorFlow reads it.

    Where Keras is not imported yet, it is imported with TensorFlow as its backend, whatever KERAS_BACKEND or
    ``~/.keras/keras.json`` name. The variable and the file stay as they are.

    Raises:
        MissingDependencyError: if TensorFlow or Keras does not start, or this process has set one of them up in a way
            that cannot be changed any more.
    """
    set_variables()
    new = "tensorflow" not in sys.modules
    quiet = new and LEVEL not in os.environ
    if quiet:
        os.environ[LEVEL] = "3"
        logging.getLogger("absl").setLevel(logging.ERROR)
    with _keras_on_tensorflow(), _no_stderr() if quiet else contextlib.nullcontext():
        tf = _imported("tensorflow")
        if new:
            _limit_threads(tf)
            tf.config.list_physical_devices()
        keras = _imported("keras")
    check_process(keras, tf)


@contextlib.contextmanager
def _keras_on_tensorflow() -> Iterator[None]:
    """Keras that is imported inside has the backend TensorFlow. TensorFlow may import it, so this comes first."""
    before = os.environ.get(BACKEND)
    if "keras" in sys.modules or before == "tensorflow":
        yield
        return
    os.environ[BACKEND] = "tensorflow"
    try:
        yield
    finally:
        del os.environ[BACKEND]
        if before is not None:
            os.environ[BACKEND] = before
    if before:
        _log.warning("KERAS_BACKEND is %s, but ganzoo uses TensorFlow: Keras runs on it in this process.", before)


def _imported(name: str) -> Any:
    """A module; an import that fails is one line with the likely cause."""
    try:
        return import_module(name)
    except Exception as error:  # TensorFlow and Keras raise almost anything, AssertionError included
        title = {"tensorflow": "TensorFlow", "keras": "Keras"}[name]
        raise MissingDependencyError(f"{title} does not start: {_reason(error)}. {_remedy(error)}") from error


def _reason(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0].strip().rstrip(".")
    return f"{type(error).__name__}: {first[:200]}" if first else type(error).__name__


def _remedy(error: Exception) -> str:
    """Both libraries read Keras's file of settings when they are imported; else it is the installation."""
    variables = [
        name for name in sorted(os.environ) if name.startswith("KERAS_") and name not in (BACKEND, "KERAS_HOME")
    ]
    sources = [str(path) for path in [keras_json()] if path.is_file()] + variables
    if not isinstance(error, ImportError | OSError) and sources:
        return f"It reads its settings from {' and '.join(sources)}; correct them, or remove them."
    return "Run: pip install --force-reinstall 'ganzoo-keras[train]'"


def keras_json() -> Path:
    """Where Keras keeps its settings: in KERAS_HOME, else in ``~/.keras``."""
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")  # noqa: PTH118 - "~" may have no answer
    return Path(os.path.expanduser(home)) / "keras.json"  # noqa: PTH111 - as Keras does; Path.expanduser may raise


def _limit_threads(tf: Any) -> None:
    """TensorFlow makes a thread for every core of the affinity; a container's share of processor time may be less."""
    cores = devices.cpu_count()
    if cores >= devices.affinity_count():
        return
    for get, set_number, variable in (
        (
            tf.config.threading.get_intra_op_parallelism_threads,
            tf.config.threading.set_intra_op_parallelism_threads,
            "TF_NUM_INTRAOP_THREADS",
        ),
        (
            tf.config.threading.get_inter_op_parallelism_threads,
            tf.config.threading.set_inter_op_parallelism_threads,
            "TF_NUM_INTEROP_THREADS",
        ),
    ):
        if variable not in os.environ and not get():
            set_number(cores)


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
